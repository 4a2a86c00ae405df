"""What the library logs is told while a command runs, and only then."""

from __future__ import annotations

import logging

import pytest

from mouthpiece.apps.cli.console import Console
from mouthpiece.apps.cli.log_to_console import log_to_console


def test_what_is_logged_is_told_while_a_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("mouthpiece.somewhere")
    log.info("before")
    with log_to_console(Console()):
        log.info("trying %s", "f32, int8")
        log.debug("detail")
    log.info("after")
    assert capsys.readouterr().err == "mouthpiece: trying f32, int8\n"
    assert logging.getLogger("mouthpiece").level == logging.NOTSET


def test_quiet_commands_tell_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with log_to_console(Console(quiet=True)):
        logging.getLogger("mouthpiece").info("trying")
    assert capsys.readouterr().err == ""
