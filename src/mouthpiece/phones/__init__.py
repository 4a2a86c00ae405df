"""Time-aligned transcripts: files of phones or words, in whatever notation, become phones in IPA.

    file --read_phones--> PhoneFile (phones, or words) --find_phones--> PhoneTranscript: phones that fit the speech

- `notation`: IPA, ARPABET, X-SAMPA and rhubarb's mouth shapes to IPA;
- `textgrid`: Praat's files;
- `files`: `read_phones` for every known kind of file;
- `pronunciation`: words to phones, by a function that pronounces one word;
- `finding`: `find_phones` for whatever the user gave.
"""

from mouthpiece.phones.files import PhoneFile, read_phones
from mouthpiece.phones.finding import find_phones
from mouthpiece.phones.notation import Notation

__all__ = ["Notation", "PhoneFile", "find_phones", "read_phones"]
