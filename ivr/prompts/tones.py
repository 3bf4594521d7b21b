"""What is said and heard when no dialplan's own prompt can be: neutral texts, and sounds made by us.

The sounds are computed, so nobody else has rights in them.
"""

from pathlib import Path

from ivr.prompts.audio import write_pair

# Spoken on every line, so they name no company and promise no time.
NEUTRAL = {
    # In place of a prompt that is not ready; the call goes on after it.
    "neutral": "お電話ありがとうございます。恐れ入りますが、そのままお待ちください。",
    # The fallback, open: before the agents are dialled.
    "fallback_open": "お電話ありがとうございます。担当者におつなぎいたします。そのままお待ちください。",
    # The fallback, closed: before the beep.
    "fallback_closed": (
        "お電話ありがとうございます。恐れ入りますが、ただいまの時間は、お電話の受付を行っておりません。"
        "発信音の後に、お名前、お電話番号、ご用件を具体的にお話しください。"
    ),
    # Before the beep, when nobody answered or when it is not known whether the line is open.
    "record": (
        "ただいま電話に出ることができません。"
        "恐れ入りますが、発信音の後に、お名前、お電話番号、ご用件を具体的にお話しください。"
    ),
    # After a message that makes a callback.
    "thanks": "メッセージを承りました。担当者より、折り返しお電話いたします。お電話ありがとうございました。",
    # After which nothing is promised.
    "goodbye": "お電話ありがとうございました。失礼いたします。",
    # Before we hang up because of a fault of ours.
    "apology": (
        "申し訳ございません。ただいま、システムの不具合により、お電話をおつなぎすることができません。"
        "恐れ入りますが、しばらくたってから、おかけ直しください。"
    ),
}


def make_builtin(directory: Path) -> None:
    """Write `beep`, `silence` (1 s) and `moh/hold` (music, 24 s, a seamless loop) as .wav and .wav16.

    The music has a folder to itself, because Asterisk's music on hold plays all that a folder holds.
    """
    # Here and not above: the engine wants the texts alone, without numpy.
    from ivr.prompts import music

    write_pair(directory / "beep", music.beep())
    write_pair(directory / "silence", music.silence())
    write_pair(directory / "moh" / "hold", music.hold())
