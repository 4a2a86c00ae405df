"""All that the page says, once for each language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mouthpiece.options import Fit, Quality
from mouthpiece.types import SkipReason

REFUSED_FILE = '[data-testid="stFileChip"] > [role="alert"]'
"""Where Streamlit says, to screen readers and below a mouse only, that a file is too large."""
NO_MICROPHONE = '[data-testid="stAudioInput"] div:has(> a)'
NO_RECORDING = '[data-testid="stAudioInput"] div:has(~ [data-testid="stAudioInputWaveSurfer"]) > span'
"""Words that don't fit there on a phone."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The page in one language. What has {names} in it is filled by `str.format`."""

    language: str
    """ISO 639-1."""
    own_name: str
    """What the language calls itself."""
    direction: str
    """ltr or rtl."""
    title: str
    lead: str
    lost: str
    """While the server can't be reached."""
    gone: str
    """Once the server knows nothing of an earlier page any more."""

    face: str
    speech: str
    video: str
    gallery: str
    upload: str
    camera: str
    record: str
    samples: str
    where_face: str
    """For screen readers, as the next."""
    where_speech: str

    drawn: str
    face_file: str
    looking: str
    look_here: str
    your_picture: str
    press_and_speak: str
    insecure: str
    """Where browsers have no camera and no microphone for the page."""
    speech_file: str
    """{length}"""
    listening: str
    your_recording: str
    synthetic: str
    is_video: str
    seconds: str
    """{seconds}: a length below a minute."""

    fast: str
    whole_face: str
    later: str
    moves_photo: str
    moves_video: str
    more: str
    engine: str
    engines: Mapping[str, str]
    """By the engine's name."""
    weights: str
    terms: str
    """{terms}"""
    intensity: str
    rest: str
    rests: Mapping[str, str]
    """By `orders.RESTS`."""
    fit: str
    fits: Mapping[Fit, str]
    which: str
    whiches: Mapping[str, str]
    quality: str
    qualities: Mapping[Quality, str]
    full_size: str

    make: str
    needs: Callable[[bool, bool], str]
    """Whether a face is missing, whether speech is: what to give."""
    cancel: str
    cancelled: str
    turn: str
    waiting: Callable[[int], str]
    """How many are before."""
    preparing: str
    progress: str
    """{done} of {total} frames, {speed} times real time, {left} to wait."""

    result: str
    """For screen readers."""
    download: str
    made: str
    """{length}, {frames}, {elapsed}, {speed}, {engine}"""
    faces: Callable[[int], str]
    """How many were found."""
    all_moved: str
    left_alone: str
    """{start}, {end}"""
    more_left_alone: str
    """{count}"""
    reasons: Mapping[SkipReason, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    """What goes before an error's own line, by its code; the lines themselves are in English."""
    streamlit: Mapping[str, str] = field(default_factory=dict)
    """What stands in the place of words of Streamlit's own, by the CSS selector of where they are. {megabytes}"""


def _needs_in_english(face: bool, speech: bool) -> str:
    missing = " and ".join(what for what, lacks in (("a face", face), ("speech", speech)) if lacks)
    return f"It still needs {missing}."


def _needs_in_arabic(face: bool, speech: bool) -> str:
    return "ما زال ينقص " + " و".join(what for what, lacks in (("الوجه", face), ("الكلام", speech)) if lacks) + "."


ENGLISH = Texts(
    language="en",
    own_name="English",
    direction="ltr",
    title="Make a face speak",
    lead="Choose a face, give it speech, get a video. Your files stay on this server and go when you leave.",
    lost="The server can’t be reached. Trying again …",
    gone="What was on this page before is gone: it was left alone for a while, or the server began anew.",
    face="Face",
    speech="Speech",
    video="Video",
    gallery="Gallery",
    upload="Upload",
    camera="Camera",
    record="Record",
    samples="Samples",
    where_face="Where the face comes from",
    where_speech="Where the speech comes from",
    drawn="Drawn by a program: nobody’s likeness.",
    face_file="A photo or a video with a face, seen from the front",
    looking="Looking at it",
    look_here="Look into the camera, mouth closed",
    your_picture="Your picture",
    press_and_speak="Press the microphone, speak, press again. Then listen.",
    insecure="Browsers give camera and microphone only to pages over HTTPS or from localhost. Upload a file instead.",
    speech_file="A recording, or a video whose sound is taken; {length} at most",
    listening="Listening to it",
    your_recording="Your recording",
    synthetic="A synthetic voice.",
    is_video="video",
    seconds="{seconds:.1f} s",
    fast="Fast animation",
    whole_face="Whole face",
    later="Comes later",
    moves_photo="The lips move; the rest of the photo stays still. Moving the whole face comes later.",
    moves_video="The lips are made anew; the rest of the face moves as in your video.",
    more="More",
    engine="Engine",
    engines={"mesh": "Mesh: quick, as sharp as the picture", "wav2lip": "Wav2Lip: a published network"},
    weights="Weights",
    terms="Terms of its weights: {terms}",
    intensity="How far the mouth moves",
    rest="Lips between words",
    rests={
        "as the face": "As the face does",
        "closed": "Closed",
        "hardly": "Hardly open",
        "a little": "A little open",
        "open": "Open",
    },
    fit="A video shorter than the speech",
    fits={
        Fit.PINGPONG: "goes on backwards, then forwards",
        Fit.LOOP: "starts again",
        Fit.HOLD: "stays on its last picture",
        Fit.CUT: "ends, and the speech with it",
    },
    which="Where several faces are seen",
    whiches={"largest": "The largest", "left": "The leftmost", "right": "The rightmost"},
    quality="Quality",
    qualities={Quality.DRAFT: "Draft", Quality.GOOD: "Good", Quality.BEST: "Best"},
    full_size="Keep very large pictures as large as they are",
    make="Make the video",
    needs=_needs_in_english,
    cancel="Cancel",
    cancelled="Cancelled. Nothing was kept.",
    turn="It is your turn",
    waiting=lambda ahead: f"Waiting: {'1 video is' if ahead == 1 else f'{ahead} videos are'} before yours",
    preparing="Getting ready: looking at the face, listening",
    progress="{done} of {total} frames · {speed:.1f}× real time · about {left} left",
    result="The video that was made",
    download="Download",
    made="{length}, {frames} frames, made in {elapsed} ({speed:.1f}× real time) by the engine {engine}",
    faces=lambda seen: "1 face found" if seen == 1 else f"{seen} faces found, one of them speaks",
    all_moved="The mouth was moved from start to end",
    left_alone="Left as it was from {start} to {end}",
    more_left_alone="and {count} more stretches left as they were",
    reasons={
        SkipReason.NO_FACE: "no face to be seen",
        SkipReason.TOO_SMALL: "the face is too small",
        SkipReason.TURNED: "the face is turned away",
        SkipReason.OUTSIDE: "the mouth is not in the picture",
        SkipReason.HIDDEN_MOUTH: "the mouth is hidden",
    },
    streamlit={
        REFUSED_FILE: "Not uploaded: at most {megabytes} MB",
        NO_MICROPHONE: "Allow the browser to use the microphone.",
        NO_RECORDING: "The recording failed.",
    },
)

# Numbers stand where nouns need not agree with them.
ARABIC = Texts(
    language="ar",
    own_name="العربية",
    direction="rtl",
    title="اجعل الوجه يتكلّم",
    lead="اختر وجهًا وأعطه كلامًا تحصل على فيديو. تبقى ملفاتك على هذا الخادم وتُحذف حين تغادر.",
    lost="لا يمكن الوصول إلى الخادم. تجري المحاولة من جديد…",
    gone="حُذف ما كان في هذه الصفحة: تُركت مدةً من الزمن أو أُعيد تشغيل الخادم.",
    face="الوجه",
    speech="الكلام",
    video="الفيديو",
    gallery="المعرض",
    upload="رفع ملف",
    camera="الكاميرا",
    record="تسجيل",
    samples="عيّنات",
    where_face="من أين يأتي الوجه",
    where_speech="من أين يأتي الكلام",
    drawn="رسمها برنامج، وليست صورة أحد.",
    face_file="صورة أو فيديو لوجه يُرى من الأمام",
    looking="يجري فحص الملف",
    look_here="انظر إلى الكاميرا وفمك مغلق",
    your_picture="صورتك",
    press_and_speak="اضغط الميكروفون وتكلّم، ثم اضغطه ثانيةً. بعدها استمع.",
    insecure="لا تتيح المتصفحات الكاميرا والميكروفون إلا لصفحات HTTPS أو localhost. ارفع ملفًا بدلًا من ذلك.",
    speech_file="تسجيل صوتي، أو فيديو يُؤخذ صوته؛ أطول مدة {length}",
    listening="يجري الاستماع إلى الملف",
    your_recording="تسجيلك",
    synthetic="صوت اصطناعي.",
    is_video="فيديو",
    seconds="{seconds:.1f} ث",
    fast="تحريك سريع",
    whole_face="الوجه كلّه",
    later="يأتي لاحقًا",
    moves_photo="تتحرك الشفتان ويبقى سائر الصورة ساكنًا. تحريك الوجه كلّه يأتي لاحقًا.",
    moves_video="تُصنع الشفتان من جديد، ويتحرك سائر الوجه كما في الفيديو.",
    more="خيارات أخرى",
    engine="المحرّك",
    engines={"mesh": "Mesh: سريع، وبوضوح الصورة نفسها", "wav2lip": "Wav2Lip: شبكة منشورة"},
    weights="الأوزان",
    terms="شروط أوزانه: \u2068{terms}\u2069",
    intensity="مدى حركة الفم",
    rest="الشفتان بين الكلمات",
    rests={
        "as the face": "كما في الوجه",
        "closed": "مغلقتان",
        "hardly": "تكادان تنغلقان",
        "a little": "مفتوحتان قليلًا",
        "open": "مفتوحتان",
    },
    fit="إن كان الفيديو أقصر من الكلام",
    fits={
        Fit.PINGPONG: "يرجع إلى الوراء ثم يتقدم",
        Fit.LOOP: "يبدأ من جديد",
        Fit.HOLD: "يقف على آخر صورة",
        Fit.CUT: "ينتهي وينتهي الكلام معه",
    },
    which="إن ظهرت عدة وجوه",
    whiches={"largest": "الأكبر", "left": "أقصى اليسار", "right": "أقصى اليمين"},
    quality="الجودة",
    qualities={Quality.DRAFT: "مسودّة", Quality.GOOD: "جيدة", Quality.BEST: "الأفضل"},
    full_size="أبقِ الصور الكبيرة جدًا على حجمها",
    make="اصنع الفيديو",
    needs=_needs_in_arabic,
    cancel="إلغاء",
    cancelled="أُلغي، ولم يُحفظ شيء.",
    turn="حان دورك",
    waiting=lambda ahead: f"في الانتظار. عدد من قبلك: {ahead}",
    preparing="يجري التحضير: فحص الوجه والاستماع إلى الكلام",
    progress="الإطارات: {done} من {total} · السرعة: {speed:.1f}× من الزمن الفعلي · يبقى نحو {left}",
    result="الفيديو الذي صُنع",
    download="تنزيل",
    made="المدة {length}، عدد الإطارات {frames}، صُنع في {elapsed} ({speed:.1f}× من الزمن الفعلي) بالمحرّك {engine}",
    faces=lambda seen: "وُجد وجه واحد" if seen == 1 else f"عدد الوجوه: {seen}، يتكلم واحد منها",
    all_moved="تحرّك الفم من البداية إلى النهاية",
    left_alone="تُرك كما هو من {start} إلى {end}",
    more_left_alone="وعدد المقاطع الأخرى التي تُركت كما هي: {count}",
    reasons={
        SkipReason.NO_FACE: "لا يُرى وجه",
        SkipReason.TOO_SMALL: "الوجه صغير جدًا",
        SkipReason.TURNED: "الوجه ملتفت",
        SkipReason.OUTSIDE: "الفم خارج الصورة",
        SkipReason.HIDDEN_MOUTH: "الفم محجوب",
    },
    errors={
        "error": "تعذّر ذلك.",
        "input": "هذا الملف لا يصلح هنا.",
        "not-media": "هذا الملف ليس صورة ولا فيديو ولا صوتًا تمكن قراءته.",
        "no-picture": "ليس في هذا الملف صورة. اختر صورة أو فيديو لوجه.",
        "no-sound": "لا يُسمع كلام. اختر تسجيلًا آخر، وتأكّد من الميكروفون.",
        "broken-media": "هذا الملف تالف أو ناقص. أحضر نسخة كاملة.",
        "picture-size": "مقاس الصورة لا يصلح هنا.",
        "speech-short": "الكلام أقصر مما ينبغي.",
        "no-face": "لم يُعثر على وجه واضح.",
        "output": "تعذّر الحفظ على الخادم. حاول لاحقًا.",
        "disk-full": "امتلأ قرص الخادم. حاول لاحقًا.",
        "option": "أحد الخيارات لا يصلح هنا.",
        "engine": "لا يمكن تشغيل المحرّك.",
        "weights": "أوزان المحرّك غير موجودة هنا.",
        "missing-extra": "ينقص الخادمَ برنامجٌ اختياري.",
    },
    streamlit={
        '[data-testid="stFileUploaderDropzone"] button p': "اختر ملفًا",
        '[data-testid="stFileUploaderDropzoneInstructions"] span': "حتى {megabytes} ميغابايت",
        '[data-testid="stCameraInputWebcamStyledBox"] + button': "التقط الصورة",
        '[data-testid="stCameraInputButton"]:has(svg)': "صورة أخرى",
        '[data-testid="stCameraInputWebcamComponent"] p': "اسمح للمتصفح باستخدام الكاميرا.",
        REFUSED_FILE: "لم يُرفع: الحد الأقصى {megabytes} ميغابايت",
        NO_MICROPHONE: "اسمح للمتصفح باستخدام الميكروفون.",
        NO_RECORDING: "تعذّر التسجيل.",
    },
)

LANGUAGES: Mapping[str, Texts] = {texts.language: texts for texts in (ENGLISH, ARABIC)}
"""In the order of the switch."""


def preferred(locale: str | None) -> str:
    """The language for a browser's locale (ar, ar-EG ...); English where the page has no better one."""
    language = (locale or "").replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else ENGLISH.language
