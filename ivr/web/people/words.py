"""Japanese of roles and of what the audit holds."""

from typing import Final

ROLES: Final = {"agent": "オペレーター", "supervisor": "スーパーバイザー", "admin": "管理者"}
# What was done to what; a word that is not here is shown as it stands.
ACTS: Final = {
    "view": "閲覧",
    "play": "再生",
    "download": "ダウンロード",
    "change": "変更",
    "login": "ログイン",
    "login_failed": "ログイン失敗",
    "logout": "ログアウト",
    "recovery": "リカバリーコードでログイン",
    "recovery_new": "リカバリーコードの作り直し",
    "invite": "招待",
    "link": "パスワード用リンクの発行",
    "password": "パスワードの変更",
    "mail": "メールアドレスの変更",
    "mobile": "携帯電話の番号の変更",
    "role": "権限の変更",
    "disable": "利用停止",
    "enable": "利用再開",
    "unlock": "ロックの解除",
    "factor_on": "2段階認証の開始",
    "factor_off": "2段階認証の解除",
}
KINDS: Final = {
    "callback": "折り返し",
    "message": "留守番電話",
    "call": "通話",
    "user": "利用者",
    "line": "窓口",
    "list": "一覧",
    "report": "レポート",
}
