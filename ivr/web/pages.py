"""Turns a template into a response."""

from functools import cache, partial
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web
from markupsafe import Markup

from ivr.callbacks import states
from ivr.web import words
from ivr.web.auth import session
from ivr.web.callbacks import offered
from ivr.web.keys import CLOCK, SESSION, SESSION_KEY, SETTINGS, TEMPLATES, VIEWER
from ivr.web.people.seat import REASONS, seat
from ivr.web.people.words import ROLES

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@cache
def environment() -> jinja2.Environment:
    """One for this process: each template is compiled once."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(
        shapes=words.SHAPES,
        states=states.WORDS,
        causes=words.CAUSES,
        priorities=words.PRIORITIES,
        transcript_states=words.TRANSCRIPT_STATES,
        stage_names=words.STAGES,
        stage_states=words.STAGE_STATES,
        suggestion_kinds=words.SUGGESTED,
        compared=words.COMPARED,
        suggested=words.suggested,
        waveform=words.waveform,
        about=words.about,
        phone=words.phone,
        length=words.length,
        is_key=words.is_key,
        short_path=words.short_path,
        who=words.who,
        said_why=words.said_why,
        closed_because=words.closed_because,
        publisher=words.publisher,
        published_because=words.published_because,
        no_sound=words.no_sound,
        silent_kinds=words.SILENT_KINDS,
        taken_over=offered.taken_over,
        can_take_over=offered.can_take_over,
        events_said=words.EVENTS,
        results_said=words.RESULTS,
        fields_said=words.FIELDS,
        field_time=words.field_time,
        sources=words.SOURCES,
        channels=words.CHANNELS,
        notice_states=words.NOTICE_STATES,
        away_reasons=REASONS,
        role_words=ROLES,
    )
    return made


def html(request: web.Request, template: str, **values: Any) -> str:
    app = request.app
    now = app[CLOCK].now()
    return (
        app[TEMPLATES]
        .get_template(template)
        .render(
            user=request.get(VIEWER),
            seat=seat(request),
            section=_section(request.path),
            trial_clock=words.full_moment(now) if app[SETTINGS].clock_offset else None,
            moment=partial(words.moment, now=now),
            time_left=partial(words.time_left, now=now),
            form_token=partial(_form_token, request),
            **values,
        )
    )


def render(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    return web.Response(
        text=html(request, template, **values),
        content_type="text/html",
        status=status,
        headers={"Cache-Control": "no-store"},
    )


def _section(path: str) -> str:
    """Of the bar: people and the audit stand below /admin/ and are no part of the lines."""
    parts = path.split("/")
    return parts[2] if path.startswith(("/admin/users", "/admin/audit")) else parts[1]


def problem(request: web.Request, status: int, heading: str, detail: str) -> web.Response:
    return render(request, "problem.html", status=status, heading=heading, detail=detail)


def _form_token(request: web.Request) -> Markup:
    token = session.form_token(request[SESSION], request.app[SESSION_KEY])
    return Markup('<input type="hidden" name="token" value="{}">').format(token)
