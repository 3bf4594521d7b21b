"""How the pages say things: the Japanese of codes, numbers and times (DESIGN.md, Words)."""

from datetime import datetime, timedelta
from typing import Final

from ivr.callbacks import results, said
from ivr.callbacks.states import State
from ivr.clock import JAPAN
from ivr.hours import Reason
from ivr.outside import spelled
from ivr.publish import FILE
from ivr.store.tables import MessageRow

# The shape tells states apart without colour.
SHAPES: Final[dict[State, str]] = {
    "open": "●",
    "claimed": "◐",
    "dialing": "▷",
    "talking": "▶",
    "working": "◆",
    "waiting": "◇",
    "done": "✓",
    "cancelled": "×",
    "unreachable": "△",
}
CAUSES: Final = {
    "busy": "話し中（混雑）",
    "no_agent": "オペレーター不在",
    "no_answer": "応答なし",
    "closed": "営業時間外",
    "asked": "折り返し希望",
    # Of a call that nothing stood in the way of, its outcome
    "answered": "応答済み",
    "informed": "ご案内のみ",
    "abandoned": "途中で切断",
    "silent": "無言の留守番電話",
}
WITHHELD: Final = {
    "anonymous": "非通知",
    "payphone": "公衆電話",
    "unavailable": "表示圏外",
    "deleted": "番号は削除済み",
}
TRANSCRIPT_STATES: Final = {
    "waiting": "文字起こし待ち",
    "working": "文字起こし中",
    "failed": "文字起こし失敗",
    "none": "文字起こしなし",
    "deleted": "文字起こしは削除されました",
}
STAGE_STATES: Final = {
    "waiting": "順番待ち",
    "working": "処理中",
    "done": "完了",
    "failed": "失敗",
    "none": "なし",
    "deleted": "削除済み",
}
STAGES: Final = {"audio": "音声の変換", "transcript": "文字起こし", "reading": "内容の読み取り"}
SUGGESTED: Final = {  # kinds of `ivr.messages.reading.Suggestion`
    "number": "お電話番号",
    "name": "お名前",
    "company": "会社名",
    "addressee": "宛先",
    "order": "注文番号など",
    "time": "ご希望の時間",
    "reply": "折り返し",
    "urgent": "緊急",
    "topic": "話題",
    "priority": "優先度",
}
COMPARED: Final = {"same": "発信番号と同じ", "different": "発信番号と違う", "none": "発信番号なし"}
SILENT_BECAUSE: Final = {"recording": "録音中です。", "lost": "音声は残っていません。"}  # states of a message
DELETED: Final = "録音は削除されました。"
SILENT_KINDS: Final = {"silent": "無音", "tone": "信号音", "music": "音楽", "fax": "FAX"}
CHANNELS: Final = {"mail": "メール", "webhook": "Webhook", "slack": "Slack"}
NOTICE_STATES: Final = {
    "waiting": "送信待ち",
    "sending": "送信中",
    "sent": "送信済み",
    "unsure": "到達不明",
    "failed": "送信失敗",
    "seen": "確認済み",
    "spared": "送信不要",
}
CLOSED_BECAUSE: Final = {  # kinds of `ivr.hours.Reason`
    "before_opening": "営業開始前",
    "after_closing": "営業終了後",
    "lunch": "昼休み",
    "weekend": "定休日",
    "holiday": "祝日",
    "company_day": "休業日",
    "exception": "臨時の変更",
    "sudden": "臨時休業",
}
# Of the history; notices say it in the same words.
PRIORITIES: Final = said.PRIORITIES
EVENTS: Final = said.EVENTS
FIELDS: Final = said.FIELDS
SOURCES: Final = said.SOURCES
who = said.who
said_why = said.why
RESULTS: Final = results.WORDS


def phone(number: str | None, withheld: str | None) -> str:
    """`number` in E.164 as Japanese read it: 03-1234-5678."""
    if number is None:
        return WITHHELD.get(withheld or "", "番号不明")
    return spelled(number)


def closed_because(reason: Reason) -> str:
    """祝日（勤労感謝の日）"""
    said = CLOSED_BECAUSE[reason.kind]
    return f"{said}（{reason.name}）" if reason.name else said


def publisher(by: str) -> str:
    """Who took a version live: nobody's name, if a file changed on disk."""
    return "ファイルの変更" if by == FILE else by


def published_because(by: str, why: str | None) -> str:
    return why if why and by != FILE else "—"


def time_left(due: datetime | None, now: datetime) -> str:
    """あと25分, 超過10分, あと1日9時間, あと2日; rounded down."""
    if due is None:
        return "期限なし"
    late = now > due
    minutes = int(abs(due - now) / timedelta(minutes=1))
    return ("超過" if late else "あと") + span(minutes)


def span(minutes: int) -> str:
    days, hours = minutes // 1440, minutes // 60
    if days >= 2:
        return f"{days}日"
    if days:
        return f"1日{hours - 24}時間" if hours > 24 else "1日"
    if hours:
        return f"{hours}時間{minutes % 60}分" if minutes % 60 else f"{hours}時間"
    return f"{minutes}分" if minutes else "1分未満"


def moment(at: datetime | None, now: datetime) -> str:
    """今日 17:00, 11/24(火) 17:00, and with its year when that is another one; Japanese time."""
    if at is None:
        return "—"
    local, today = at.astimezone(JAPAN), now.astimezone(JAPAN)
    clock = f"{local.hour}:{local.minute:02}"
    if local.date() == today.date():
        return f"今日 {clock}"
    return f"{_day(local)} {clock}" if local.year == today.year else full_moment(at)


def full_moment(at: datetime) -> str:
    """2026/11/24(火) 17:00, Japanese time."""
    local = at.astimezone(JAPAN)
    return f"{local.year}/{_day(local)} {local.hour}:{local.minute:02}"


def day_and_time(at: datetime, now: datetime) -> str:
    """As it is said to a customer: 本日午前10時50分, 昨日午後3時5分, 11月20日午後1時."""
    local, today = at.astimezone(JAPAN), now.astimezone(JAPAN).date()
    days = (today - local.date()).days
    day = {0: "本日", 1: "昨日"}.get(days, f"{local.month}月{local.day}日")
    minutes = f"{local.minute}分" if local.minute else ""
    return f"{day}{'午前' if local.hour < 12 else '午後'}{local.hour % 12}時{minutes}"


def field_time(at: datetime | None) -> str:
    """As a field for date and time takes it, in Japanese time."""
    return "" if at is None else f"{at.astimezone(JAPAN):%Y-%m-%dT%H:%M}"


def _day(local: datetime) -> str:
    return f"{local.month}/{local.day}({'月火水木金土日'[local.weekday()]})"


def about(seconds: float) -> str:
    """約20秒, 約3分: of a wait that nobody knows exactly."""
    if seconds < 10:
        return "まもなく"
    if seconds < 55:
        return f"あと約{round(seconds / 10)}0秒"
    return f"あと約{span(max(1, round(seconds / 60)))}"


def suggested(kind: str, value: str) -> str:
    """The value of a suggestion as it is shown."""
    if kind == "reply":
        return {"yes": "要", "no": "不要"}.get(value, value)
    return PRIORITIES.get(value, value) if kind == "priority" else value


def waveform(peaks: list[float]) -> str:
    """Path of an SVG, 1 wide for each peak and 100 high; the loudest one reaches the edges."""
    top = 48 / max([0.1, *peaks])
    return "".join(f"M{x} {50 - top * peak:.0f}V{50 + top * peak + 1:.0f}" for x, peak in enumerate(peaks))


def length(seconds: float | None) -> str:
    """0:42, 2:05; 長さ不明 while it is not known."""
    if seconds is None:
        return "長さ不明"
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


def is_key(entry: str) -> bool:
    """Of a path: a key that was pressed, not the name of a step."""
    return entry[:1] in ("#", "*") or entry.isdigit()


def short_path(path: list[str]) -> list[str]:
    """From the first pressed key on, for what comes before it is the same for every caller."""
    first = next((place for place, entry in enumerate(path) if is_key(entry)), 0)
    return path[first:]


def no_sound(row: MessageRow) -> str:
    """Why a message has nothing to listen to."""
    if row.audio_deleted_at is not None:
        return row.audio_reason or DELETED
    return SILENT_BECAUSE.get(row.state, SILENT_BECAUSE["lost"])
