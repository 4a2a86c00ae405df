"""What is said and when, where somebody knows it: files of phones, in whatever notation, become phones in IPA.

    file --read_phones--> PhoneFile (phones, or words) --find_phones--> Said: phones that fit the speech

- `notation`: IPA, ARPABET, X-SAMPA and rhubarb's mouth shapes to IPA;
- `textgrid`: Praat's files;
- `files`: `read_phones` for every known kind of file;
- `spelling`: words to phones, with somebody's word for how each is pronounced;
- `finding`: `find_phones` for whatever the user gave.
"""

from mouthpiece.options import PhonesInput
from mouthpiece.phones.files import PhoneFile, SpokenWord, read_phones, with_silences
from mouthpiece.phones.finding import Said, find_phones
from mouthpiece.phones.notation import Notation, to_ipa
from mouthpiece.phones.spelling import Pronounce, spell

__all__ = [
    "Notation",
    "PhoneFile",
    "PhonesInput",
    "Pronounce",
    "Said",
    "SpokenWord",
    "find_phones",
    "read_phones",
    "spell",
    "to_ipa",
    "with_silences",
]
