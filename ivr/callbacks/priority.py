"""How urgent a callback is."""

ORDER = ("low", "medium", "high", "critical")


def rank(priority: str) -> int:
    return ORDER.index(priority) if priority in ORDER else 0


def higher(one: str, other: str) -> str:
    return max(one, other, key=rank)
