"""The studio: a page in a browser where a face is given speech. Streamlit, extra `studio`.

    serving.py         Streamlit's server and its options
    app.py             the script that Streamlit runs for each visit and each click
    page.py            the page, from top to bottom
    input_cards.py     its first two cards: the face, the speech
    result_card.py     its third: options, progress, result
    styles.py          its style sheet
    translations.py    its texts in English and Arabic
    formatting.py      jobs, errors and warnings as text; untrusted names made harmless
    state.py           what all visits share: settings, jobs, folders, networks
    visit_registry.py  the open visits, by token
    visits.py          one visitor's page: uploads, values of controls, the job
    job_options.py     from the visitor's choices to a job of the pipeline
    ingest.py          uploads checked, stored and previewed
    networks.py        engines, their checkpoints, their networks kept in memory
    jobs.py            the queue of videos in the making
    folders.py         a temporary folder for each visit
    settings.py        what the operator chooses

No lip-sync logic lives here: `mouthpiece.pipeline.sync` makes the videos. Only the page's modules import Streamlit.
"""
