"""Where webhooks and Slack channels are, and their secrets: the operator's file, named by `IVR_NOTICES`.

```toml
[webhook.crm]
url = "https://crm.example.co.jp/ivr"
secret = "…"

[slack.night]
url = "https://hooks.slack.com/services/…"
```
It is read each time, so that a change counts at once. What is wrong with it can be mended: retryable.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ivr.errors import DeliveryFailed

SHORTEST_SECRET = 16  # characters
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_KNOWN = {"webhook": {"url", "secret"}, "slack": {"url"}}


@dataclass(frozen=True, repr=False)
class Place:
    url: str
    secret: str


def find(file: Path | None, channel: str, name: str) -> Place:
    """DeliveryFailed, in words for whoever looks at the ledger, if it is not there or cannot be used."""
    if file is None:
        raise DeliveryFailed("通知先のファイルが設定されていません（IVR_NOTICES）")
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise DeliveryFailed(f"通知先のファイルを読み込めません（IVR_NOTICES）：{error.strerror}") from error
    except ValueError as error:
        # Not its words: they may hold what stands in the file.
        found = re.search(r"line (\d+)", str(error))
        where = f"（{found[1]}行目）" if found else ""
        raise DeliveryFailed(f"通知先のファイルに誤りがあります（IVR_NOTICES）{where}") from None
    group = tables.get(channel)
    entry = group.get(name) if isinstance(group, dict) else None
    if not isinstance(entry, dict):
        raise DeliveryFailed(f"通知先のファイルに [{channel}.{name}] がありません（IVR_NOTICES）")
    return _place(channel, name, entry)


def _place(channel: str, name: str, entry: dict[str, object]) -> Place:
    if entry.keys() != _KNOWN[channel] or not all(isinstance(value, str) for value in entry.values()):
        keys = "、".join(sorted(_KNOWN[channel], reverse=True))
        raise DeliveryFailed(f"[{channel}.{name}] には、{keys} だけを書いてください（IVR_NOTICES）")
    url, secret = str(entry["url"]), str(entry.get("secret", ""))
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
    if not safe or not parts.hostname:
        raise DeliveryFailed(f"[{channel}.{name}] の url は、https:// で始めてください（IVR_NOTICES）")
    if channel == "webhook" and len(secret) < SHORTEST_SECRET:
        raise DeliveryFailed(
            f"[{channel}.{name}] の secret は、{SHORTEST_SECRET}文字以上にしてください（IVR_NOTICES）"
        )
    return Place(url, secret)
