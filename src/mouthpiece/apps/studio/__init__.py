"""The studio: a page in a browser where a face is given speech. Streamlit, extra `studio`.

    serving.py     the server, with the settings that the studio wants
    app.py         what Streamlit runs for each visit and each click
    page.py        the page, from top to bottom
    texts.py       all that it says, in English and Arabic
    steps.py       its first two cards: the face, the speech
    making.py      its third: choices, progress, result
    taking.py      from what a browser sent to a file that was looked into
    orders.py      from what was chosen to what the pipeline takes
    visits.py      one visitor's page: what was chosen, the job, the files
    jobs.py        videos in the making: so many at once, the others in a queue
    folders.py     a folder for each visit, which goes away
    bench.py       what all visits share: jobs, folders, loaded networks
    words.py       what it says of jobs and errors; strangers' names made harmless
    looks.py       its style

No lip-sync logic lives here: `mouthpiece.pipeline.sync` makes the videos. Only the page's modules import Streamlit.
"""
