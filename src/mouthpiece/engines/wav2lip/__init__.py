"""The Wav2Lip family: published networks that draw the lower half of a face from its upper half and the speech."""
