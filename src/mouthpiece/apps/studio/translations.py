"""The texts of the page in each language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mouthpiece.options import Fit, Quality
from mouthpiece.types import SkipReason

REFUSED_FILE = '[data-testid="stFileChip"] > [role="alert"]'
"""Where Streamlit announces, to screen readers and below a mouse only, that a file is too large."""
NO_MICROPHONE = '[data-testid="stAudioInput"] div:has(> a)'
NO_RECORDING = '[data-testid="stAudioInput"] div:has(~ [data-testid="stAudioInputWaveSurfer"]) > span'
"""Where Streamlit's own texts don't fit on a phone."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The page's texts in one language. Those with {fields} are filled by `str.format`."""

    language: str
    """ISO 639-1."""
    own_name: str
    """The language's name for itself."""
    direction: str
    """ltr or rtl."""
    title: str
    lead: str
    connection_lost: str
    """While the server can't be reached."""
    visit_lost: str
    """When nothing is left on the server of an earlier page."""

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

    drawn_by_program: str
    face_file: str
    checking_face: str
    camera_hint: str
    your_picture: str
    microphone_hint: str
    https_only: str
    """Where browsers have no camera and no microphone for the page."""
    speech_file: str
    """{length}"""
    checking_speech: str
    your_recording: str
    synthetic_voice: str
    video_file: str
    seconds: str
    """{seconds}: a length below a minute."""

    animate_lips: str
    animate_whole_face: str
    coming_later: str
    moves_photo: str
    moves_video: str
    more_options: str
    engine: str
    engine_names: Mapping[str, str]
    """By the engine's name."""
    checkpoint: str
    licence_terms: str
    """{terms}"""
    intensity: str
    rest: str
    rest_names: Mapping[str, str]
    """By `job_options.RESTS`."""
    fit: str
    fit_names: Mapping[Fit, str]
    face_choice: str
    face_choice_names: Mapping[str, str]
    quality: str
    quality_names: Mapping[Quality, str]
    full_size: str

    make: str
    missing_inputs: Callable[[bool, bool], str]
    """From whether a face is missing and whether speech is."""
    cancel: str
    cancelled: str
    next_in_queue: str
    waiting: Callable[[int], str]
    """From the number of jobs ahead."""
    preparing: str
    progress: str
    """{done} of {total} frames, {speed} times real time, {left} to wait."""

    video_label: str
    """For screen readers."""
    download: str
    summary: str
    """{length}, {frames}, {elapsed}, {speed}, {engine}"""
    faces_found: Callable[[int], str]
    """From the number of faces."""
    all_moved: str
    stretch_passed: str
    """{start}, {end}"""
    more_stretches_passed: str
    """{count}"""
    skip_reasons: Mapping[SkipReason, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    """What goes before an error's own line, by its code; the lines themselves are in English."""
    warnings: Mapping[str, str] = field(default_factory=dict)
    """Warnings by code; one that isn't here keeps its own English text."""
    streamlit_texts: Mapping[str, str] = field(default_factory=dict)
    """What replaces Streamlit's own texts, by the CSS selector of where they stand. {megabytes}"""


def _missing_in_english(face: bool, speech: bool) -> str:
    missing = " and ".join(what for what, lacks in (("a face", face), ("speech", speech)) if lacks)
    return f"It still needs {missing}."


def _missing_in_arabic(face: bool, speech: bool) -> str:
    return "ما زال ينقص " + " و".join(what for what, lacks in (("الوجه", face), ("الكلام", speech)) if lacks) + "."


ENGLISH = Texts(
    language="en",
    own_name="English",
    direction="ltr",
    title="Make a face speak",
    lead="Choose a face, give it speech, get a video. Your files stay on this server and go when you leave.",
    connection_lost="The server can’t be reached. Trying again …",
    visit_lost="What was on this page before is gone: it was left alone for a while, or the server began anew.",
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
    drawn_by_program="Drawn by a program: nobody’s likeness.",
    face_file="A photo or a video with a face, seen from the front",
    checking_face="Looking at it",
    camera_hint="Look into the camera, mouth closed",
    your_picture="Your picture",
    microphone_hint="Press the microphone, speak, press again. Then listen.",
    https_only="Browsers give camera and microphone only to pages over HTTPS or from localhost. Upload a file instead.",
    speech_file="A recording, or a video whose sound is taken; {length} at most",
    checking_speech="Listening to it",
    your_recording="Your recording",
    synthetic_voice="A synthetic voice.",
    video_file="video",
    seconds="{seconds:.1f} s",
    animate_lips="Fast animation",
    animate_whole_face="Whole face",
    coming_later="Comes later",
    moves_photo="The lips move; the rest of the photo stays still. Moving the whole face comes later.",
    moves_video="The lips are made anew; the rest of the face moves as in your video.",
    more_options="More",
    engine="Engine",
    engine_names={"mesh": "Mesh: quick, as sharp as the picture", "wav2lip": "Wav2Lip: a published network"},
    checkpoint="Weights",
    licence_terms="Terms of its weights: {terms}",
    intensity="How far the mouth moves",
    rest="Lips between words",
    rest_names={
        "as the face": "As the face does",
        "closed": "Closed",
        "hardly": "Hardly open",
        "a little": "A little open",
        "open": "Open",
    },
    fit="A video shorter than the speech",
    fit_names={
        Fit.PINGPONG: "goes on backwards, then forwards",
        Fit.LOOP: "starts again",
        Fit.HOLD: "stays on its last picture",
        Fit.CUT: "ends, and the speech with it",
    },
    face_choice="Where several faces are seen",
    face_choice_names={"largest": "The largest", "left": "The leftmost", "right": "The rightmost"},
    quality="Quality",
    quality_names={Quality.DRAFT: "Draft", Quality.GOOD: "Good", Quality.BEST: "Best"},
    full_size="Keep very large pictures as large as they are",
    make="Make the video",
    missing_inputs=_missing_in_english,
    cancel="Cancel",
    cancelled="Cancelled. Nothing was kept.",
    next_in_queue="It is your turn",
    waiting=lambda ahead: f"Waiting: {'1 video is' if ahead == 1 else f'{ahead} videos are'} before yours",
    preparing="Getting ready: looking at the face, listening",
    progress="{done} of {total} frames · {speed:.1f}× real time · about {left} left",
    video_label="The video that was made",
    download="Download",
    summary="{length}, {frames} frames, made in {elapsed} ({speed:.1f}× real time) by the engine {engine}",
    faces_found=lambda seen: "1 face found" if seen == 1 else f"{seen} faces found, one of them speaks",
    all_moved="The mouth was moved from start to end",
    stretch_passed="Left as it was from {start} to {end}",
    more_stretches_passed="and {count} more stretches left as they were",
    skip_reasons={
        SkipReason.NO_FACE: "no face to be seen",
        SkipReason.TOO_SMALL: "the face is too small",
        SkipReason.TURNED: "the face is turned away",
        SkipReason.OUTSIDE: "the mouth is not in the picture",
        SkipReason.HIDDEN_MOUTH: "the mouth is hidden",
    },
    streamlit_texts={
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
    connection_lost="لا يمكن الوصول إلى الخادم. تجري المحاولة من جديد…",
    visit_lost="حُذف ما كان في هذه الصفحة: تُركت مدةً من الزمن أو أُعيد تشغيل الخادم.",
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
    drawn_by_program="رسمها برنامج، وليست صورة أحد.",
    face_file="صورة أو فيديو لوجه يُرى من الأمام",
    checking_face="يجري فحص الملف",
    camera_hint="انظر إلى الكاميرا وفمك مغلق",
    your_picture="صورتك",
    microphone_hint="اضغط الميكروفون وتكلّم، ثم اضغطه ثانيةً. بعدها استمع.",
    https_only="لا تتيح المتصفحات الكاميرا والميكروفون إلا لصفحات HTTPS أو localhost. ارفع ملفًا بدلًا من ذلك.",
    speech_file="تسجيل صوتي، أو فيديو يُؤخذ صوته؛ أطول مدة {length}",
    checking_speech="يجري الاستماع إلى الملف",
    your_recording="تسجيلك",
    synthetic_voice="صوت اصطناعي.",
    video_file="فيديو",
    seconds="{seconds:.1f} ث",
    animate_lips="تحريك سريع",
    animate_whole_face="الوجه كلّه",
    coming_later="يأتي لاحقًا",
    moves_photo="تتحرك الشفتان ويبقى سائر الصورة ساكنًا. تحريك الوجه كلّه يأتي لاحقًا.",
    moves_video="تُصنع الشفتان من جديد، ويتحرك سائر الوجه كما في الفيديو.",
    more_options="خيارات أخرى",
    engine="المحرّك",
    engine_names={"mesh": "Mesh: سريع، وبوضوح الصورة نفسها", "wav2lip": "Wav2Lip: شبكة منشورة"},
    checkpoint="الأوزان",
    licence_terms="شروط أوزانه: \u2068{terms}\u2069",
    intensity="مدى حركة الفم",
    rest="الشفتان بين الكلمات",
    rest_names={
        "as the face": "كما في الوجه",
        "closed": "مغلقتان",
        "hardly": "تكادان تنغلقان",
        "a little": "مفتوحتان قليلًا",
        "open": "مفتوحتان",
    },
    fit="إن كان الفيديو أقصر من الكلام",
    fit_names={
        Fit.PINGPONG: "يرجع إلى الوراء ثم يتقدم",
        Fit.LOOP: "يبدأ من جديد",
        Fit.HOLD: "يقف على آخر صورة",
        Fit.CUT: "ينتهي وينتهي الكلام معه",
    },
    face_choice="إن ظهرت عدة وجوه",
    face_choice_names={"largest": "الأكبر", "left": "أقصى اليسار", "right": "أقصى اليمين"},
    quality="الجودة",
    quality_names={Quality.DRAFT: "مسودّة", Quality.GOOD: "جيدة", Quality.BEST: "الأفضل"},
    full_size="أبقِ الصور الكبيرة جدًا على حجمها",
    make="اصنع الفيديو",
    missing_inputs=_missing_in_arabic,
    cancel="إلغاء",
    cancelled="أُلغي، ولم يُحفظ شيء.",
    next_in_queue="حان دورك",
    waiting=lambda ahead: f"في الانتظار. عدد من قبلك: {ahead}",
    preparing="يجري التحضير: فحص الوجه والاستماع إلى الكلام",
    progress="الإطارات: {done} من {total} · السرعة: {speed:.1f}× من الزمن الفعلي · يبقى نحو {left}",
    video_label="الفيديو الذي صُنع",
    download="تنزيل",
    summary="المدة {length}، عدد الإطارات {frames}، صُنع في {elapsed} ({speed:.1f}× من الزمن الفعلي) بالمحرّك {engine}",
    faces_found=lambda seen: "وُجد وجه واحد" if seen == 1 else f"عدد الوجوه: {seen}، يتكلم واحد منها",
    all_moved="تحرّك الفم من البداية إلى النهاية",
    stretch_passed="تُرك كما هو من {start} إلى {end}",
    more_stretches_passed="وعدد المقاطع الأخرى التي تُركت كما هي: {count}",
    skip_reasons={
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
    warnings={
        "transparent": "الأجزاء الشفافة وُضعت على خلفية بيضاء.",
        "interlaced": "الفيديو متشابك الأسطر: أُزيل تشابكها.",
        "several-pictures": "في الملف أكثر من مسار للصورة: استُعمل الأول.",
        "cut-off": "ينتهي الملف في وسطه: عُرض ما فيه.",
        "pictures-dropped": "فيه صور تالفة: تُركت.",
        "pictures-damaged": "فيه صور تالفة: عُرض منها ما أمكن.",
        "size-changes": "يتغيّر مقاس الصور: حُوّلت كلها إلى مقاس الأولى.",
        "animation-damaged": "هو تالف بعد صوره الأولى: تُرك الباقي.",
        "broken-times": "أوقات الصور غير سليمة: أُصلحت.",
        "several-sounds": "في الملف أكثر من مسار للصوت: استُعمل الأول.",
        "sound-not-finite": "في الصوت عيّنات ليست أعدادًا: أُسكتت.",
        "broken-sound-times": "أوقات الصوت غير سليمة: وُصل بعضه ببعض.",
        "sound-cut-off": "ينتهي الصوت في وسطه: استُعمل ما فيه.",
        "sound-damaged": "في الصوت أجزاء تالفة: تُركت.",
        "hdr-8-bits": "مدى إضاءة عالٍ (HDR): كُتب بدقة 8 بت التي تعرضها كل المشغّلات، وقد تظهر فيه تدرّجات.",
        "precision-untried": "لم تُجرَّب الدقة auto، واستُعملت f32: {error}",
    },
    streamlit_texts={
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


def preferred_language(locale: str | None) -> str:
    """Return the language for a browser's locale (ar, ar-EG ...); English where the page has no better one."""
    language = (locale or "").replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else ENGLISH.language
