"""All that is kept of a number, written into a folder: for programs, for people, and to be listened to."""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shutil import copyfile
from typing import Any

from ivr.callbacks.states import WORDS
from ivr.clock import JAPAN, iso
from ivr.disclosure.find import KINDS, Found
from ivr.errors import Conflict
from ivr.outside import spelled
from ivr.store.tables import Base, MessageRow

TRIAL = "（試験用モデル）"
HIDDEN = ("peaks", "version", "key")  # how we work, and not what we know

Columns = Mapping[str, Callable[[Any], object]]

CALLS: Columns = {
    "通話ID": lambda row: row.id,
    "窓口": lambda row: row.line,
    "電話番号": lambda row: row.number,
    "かけられた番号": lambda row: row.dialled,
    "開始": lambda row: row.started_at,
    "終了": lambda row: row.ended_at,
    "結果": lambda row: row.outcome,
    "経路": lambda row: " > ".join(row.path),
    "アンケート": lambda row: json.dumps(row.answers, ensure_ascii=False) if row.answers else None,
}
MESSAGES: Columns = {
    "留守番電話ID": lambda row: row.id,
    "窓口": lambda row: row.line,
    "電話番号": lambda row: row.number,
    "受付": lambda row: row.created_at,
    "長さ（秒）": lambda row: row.duration,
    "文字起こし": lambda row: row.transcript_text,
    "文字起こしのモデル": lambda row: (
        row.transcript_model and row.transcript_model + TRIAL * row.transcript_trial
    ),
    "読み取り": lambda row: (row.reading or {}).get("text"),
    "直した文字": lambda row: row.corrected_text,
    "録音ファイル": lambda row: f"audio/{row.id}.wav" if row.audio_deleted_at is None else None,
    "録音の削除": lambda row: row.audio_deleted_at,
    "文字の削除": lambda row: row.text_deleted_at,
}
CALLBACKS: Columns = {
    "受付番号": lambda row: row.ticket,
    "窓口": lambda row: row.line,
    "状態": lambda row: WORDS.get(row.state, row.state),
    "電話番号": lambda row: row.number,
    "お名前": lambda row: row.name,
    "メールアドレス": lambda row: row.email,
    "会社名": lambda row: row.company,
    "会員番号など": lambda row: row.member,
    "宛先": lambda row: row.addressee,
    "ご用件": lambda row: row.matter,
    "ご希望の時間": lambda row: row.preferred_time,
    "受付": lambda row: row.created_at,
    "期限": lambda row: row.due_at,
    "対応日時": lambda row: row.done_at,
    "結果": lambda row: row.result,
}
EVENTS: Columns = {
    "受付番号": lambda row: row.ticket,
    "日時": lambda row: row.at,
    "担当": lambda row: row.who,
    "できごと": lambda row: row.what,
    "内容": lambda row: row.why,
}
NOTICES: Columns = {
    "通知ID": lambda row: row.id,
    "対象": lambda row: row.subject,
    "方法": lambda row: row.channel,
    "送り先": lambda row: row.target,
    "状態": lambda row: row.state,
    "送信": lambda row: row.sent_at,
    "内容": lambda row: row.data.get("about"),
}
TABLES: Sequence[tuple[str, str, Columns]] = (
    ("calls.csv", "calls", CALLS),
    ("messages.csv", "messages", MESSAGES),
    ("callbacks.csv", "callbacks", CALLBACKS),
    ("callback-history.csv", "events", EVENTS),
    ("notices.csv", "deliveries", NOTICES),
)
README = """{number} について保存している情報（{tenant}、{at}現在）

calls.csv             通話
messages.csv          留守番電話。録音は audio フォルダーにあります
callbacks.csv         折り返し
callback-history.csv  折り返しの履歴
notices.csv           担当者への通知
data.json             上のすべてと、そのほかの項目（プログラム用）

CSVはUTF-8です。表計算ソフトで開けます。日時は日本時間です。
"""


def write(found: Found, recordings: Path, folder: Path, now: datetime) -> int:
    """Makes `folder`. How many recordings are in it. Blocks; Conflict if something is in it already; raises OSError."""
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(
            f"{folder} is not empty; name a new folder, so that nothing of another request gets into this one"
        )
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    facts = {"number": found.number, "tenant": found.tenant, "at": _moment(now)}
    data = {**facts, **{kind: [_json(row) for row in getattr(found, kind)] for kind in KINDS}}
    (folder / "data.json").write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", "utf-8")
    for name, kind, columns in TABLES:
        with (folder / name).open("w", encoding="utf-8-sig", newline="") as file:
            table = csv.writer(file)
            table.writerow(columns)
            table.writerows([_cell(get(row)) for get in columns.values()] for row in getattr(found, kind))
    text = README.format(**{**facts, "number": spelled(found.number)})
    (folder / "README.txt").write_text(text, "utf-8")
    return _copy(found.messages, recordings, folder / "audio")


def _copy(messages: Sequence[MessageRow], recordings: Path, folder: Path) -> int:
    count = 0
    for row in messages:
        original = recordings / row.audio
        if row.audio_deleted_at is None and original.is_file():
            copyfile(original, folder / f"{row.id}.wav")
            count += 1
    return count


def _json(row: Base) -> dict[str, Any]:
    return {
        name: _moment(value) if isinstance(value := getattr(row, name), datetime) else value
        for name in row.__table__.columns.keys()  # noqa: SIM118
        if name not in HIDDEN
    }


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(JAPAN).strftime("%Y-%m-%d %H:%M:%S")
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"\+[0-9]{8,15}", value):
        return spelled(value)
    # What a spreadsheet would take for a formula.
    return f"'{value}" if value.startswith(("=", "+", "-", "@")) else value


def _moment(at: datetime) -> str:
    return iso(at) or ""
