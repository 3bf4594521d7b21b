"""What becomes an alarm, and its words on the page: what is wrong, what callers meet, what to do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store import alarms

MOST_PROBLEMS = 10  # of one file in one text; `ivr check` names all
ROOM = 2_000_000_000  # bytes: four weeks of messages of a busy desk
ROOM_AGAIN = ROOM * 11 // 10  # an alarm that stands goes at that: it does not come and go at the border
DISK = "disk"
NUMBER = "number"  # one alarm for all numbers: who scans a telephone system would make thousands
_DIALPLANS = "dialplan:"
_PROMPTS = "prompts:"
_NO_AGENT = "no_agent:"
_TRUNKS = "trunk:"
_MODEL = "model:"


async def of_calls(session: AsyncSession, ended: Sequence[Mapping[str, Any]], at: datetime) -> None:
    """`ended`: rows of calls that are over."""
    for row in ended:
        if row["outcome"] == "rejected":
            await alarms.raise_(session, NUMBER, _unknown_number(row["dialled"]), tenant=None, at=at)
        elif row["cause"] == "no_agent" and row["outcome"] != "answered":
            text = _no_agent(row["line"])
            await alarms.raise_(session, _NO_AGENT + row["line"], text, tenant=row["tenant"], at=at)
    for line in {row["line"] for row in ended if row["outcome"] == "answered"}:
        await alarms.clear(session, _NO_AGENT + line, at)


async def of_numbers(session: AsyncSession, dialled: Mapping[str, str], at: datetime) -> None:
    """`dialled`: number that no line has -> the line that took its call, because its trunk says so."""
    for number, line in dialled.items():
        await alarms.raise_(session, NUMBER, _taken_by_default(number, line), tenant=None, at=at)


async def of_files(
    session: AsyncSession, wrong: Mapping[str, Sequence[str]], tenants: Mapping[str, str], at: datetime
) -> None:
    """`wrong`: key of a file, or "" for the directory -> its errors. Those that are not wrong are cleared.

    `tenants`: line that is live -> its tenant.
    """
    for key, errors in wrong.items():
        text = _refused(key, errors, live=key in tenants)
        await alarms.raise_(session, _DIALPLANS + key, text, tenant=tenants.get(key), at=at)
    await _clear_others(session, _DIALPLANS, wrong, at)


async def of_prompts(
    session: AsyncSession, unspoken: Mapping[str, Sequence[str]], tenants: Mapping[str, str], at: datetime
) -> None:
    """`unspoken`: line -> its live texts that have no audio. The others are cleared."""
    for line, texts in unspoken.items():
        text = (
            f"窓口「{line}」のアナウンスのうち、音声にできないものがあります。お客様には、代わりに"
            "「お電話ありがとうございます。恐れ入りますが、そのままお待ちください。」と流れます。"
            f"文言を直すか、録音した音声を用意してください。\n{_list(texts)}"
        )
        await alarms.raise_(session, _PROMPTS + line, text, tenant=tenants.get(line), at=at)
    await _clear_others(session, _PROMPTS, unspoken, at)


async def of_model(session: AsyncSession, model: str | None, trouble: str | None, at: datetime) -> None:
    """`model` by its name, None for the transcriber's own; `trouble`: no_model, broken_model, None if it works."""
    if trouble is None:
        await alarms.clear(session, _MODEL + (model or ""), at)
        return
    what = f"音声認識モデル「{model}」" if model else "文字起こしの標準の音声認識モデル（IVR_MODEL）"
    why = "見つからない" if trouble == "no_model" else "壊れている"
    now = (
        "いまは、前のモデルで文字起こしを続けています。"
        if model
        else "文字起こしは止まっており、直り次第、再開します。"
    )
    todo = "「ivr model list」「ivr model verify」で確認し、入れ直すか、「ivr model use」で別のモデルにしてください。"
    await alarms.raise_(
        session, _MODEL + (model or ""), f"{what}が{why}ため、使えません。{now}{todo}", tenant=None, at=at
    )


async def of_disk(session: AsyncSession, folder: Path, free: int, at: datetime) -> None:
    """`free`: bytes where `folder` lies, the fullest of the disks that messages need."""
    if free < ROOM:
        text = (
            f"ディスクの空き容量が、あと{free / 1e9:.1f} GBです（{folder}）。いっぱいになると、伝言の録音や記録ができなくなります。"
            "不要なファイルを削除するか、容量を増やしてください。コールフローの retention で、録音の保存期間を短くすることもできます。"
        )
        await alarms.raise_(session, DISK, text, tenant=None, at=at)
    elif free > ROOM_AGAIN:
        await alarms.clear(session, DISK, at)


async def of_trunks(session: AsyncSession, wrong: Mapping[str, str], at: datetime) -> None:
    """`wrong`: trunk -> why its carrier does not know us. The others are cleared."""
    for name, reason in wrong.items():
        text = f"外線「{name}」で、着信または発信ができません。{reason}"
        await alarms.raise_(session, _TRUNKS + name, text, tenant=None, at=at)
    await _clear_others(session, _TRUNKS, wrong, at)


async def _clear_others(
    session: AsyncSession, prefix: str, wrong: Mapping[str, object], at: datetime
) -> None:
    for row in await alarms.standing(session):
        if row.key.startswith(prefix) and row.key.removeprefix(prefix) not in wrong:
            await alarms.clear(session, row.key, at)


def _refused(key: str, errors: Sequence[str], *, live: bool) -> str:
    match key:
        case "":
            what = "コールフローのファイルが1つも見つかりません。いまは、前の版で応対を続けています。"
        case "readings":
            what = (
                "読み方の辞書「readings.yaml」に誤りがあるため、取り込んでいません。"
                "いまは、前の読み方のまま応対を続けています。"
            )
        case _ if key.startswith("shared/"):
            what = (
                f"共通ファイル「{key}.yaml」に誤りがあるため、取り込んでいません。"
                "このファイルを使う窓口は、前の版で応対を続けています。"
            )
        case _ if live:
            what = f"コールフロー「{key}.yaml」に誤りがあるため、公開していません。いまは、前の版で応対を続けています。"
        case _:
            what = f"コールフロー「{key}.yaml」に誤りがあるため、公開していません。この窓口は、まだ応対していません。"
    return f"{what}誤りを直して保存すると、自動で取り込まれます。\n{_list(errors)}"


def _list(items: Sequence[str]) -> str:
    more = len(items) - MOST_PROBLEMS
    return "\n".join([*items[:MOST_PROBLEMS], *([f"ほか{more}件"] if more > 0 else [])])


def _unknown_number(dialled: str) -> str:
    return (
        f"どの窓口にも登録されていない電話番号「{_printable(dialled)}」に着信がありました。"
        "お客様には、現在使われていない番号とご案内しています。"
        "コールフローの numbers に番号を書き足すか、外線の設定をご確認ください。"
    )


def _taken_by_default(dialled: str, line: str) -> str:
    return (
        f"どの窓口にも登録されていない電話番号「{_printable(dialled)}」に着信があり、外線の default_line により、"
        f"窓口「{line}」でお受けしました。コールフローの numbers に番号を書き足すか、外線の設定をご確認ください。"
    )


def _printable(dialled: str) -> str:
    return "".join(character for character in dialled if character.isprintable())[:32]


def _no_agent(line: str) -> str:
    return (
        f"窓口「{line}」は営業時間内ですが、電話を受けられるオペレーターがいないため、お客様をおつなぎできませんでした。"
        "オペレーターの状態を「受付可」にしてください。"
    )
