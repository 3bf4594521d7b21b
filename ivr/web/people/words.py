"""Japanese of roles and of what the audit holds."""

from typing import Final

ROLES: Final = {"agent": "オペレーター", "supervisor": "スーパーバイザー", "admin": "管理者"}
# What was done to what; a word that is not here is shown as it stands.
ACTS: Final = {
    "view": "閲覧",
    "load": "音声の読み込み",
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
# Of a change of a callback or a list: the forms of the pages, and what programs ask for.
CHANGES: Final = {
    "accept": "候補の採用",
    "approve": "承認",
    "ask": "登録・申請",
    "assign": "担当の変更",
    "begin": "対応の開始",
    "cancel": "取消",
    "claim": "担当",
    "correct": "文字の修正",
    "create": "受付",
    "decline": "引き継ぎの辞退",
    "dial": "発信",
    "done": "対応済み",
    "edit": "内容の修正",
    "end": "解除・却下",
    "flag": "目印の変更",
    "give-back": "担当を外れる",
    "give-up": "連絡不能",
    "help": "二次対応",
    "memo": "メモ",
    "merge": "まとめる",
    "news": "経過の連絡",
    "next": "次回の変更",
    "offer": "引き継ぎの依頼",
    "once-more": "もう一度お電話する判断",
    "priority": "優先度の変更",
    "read": "確認",
    "renew": "担当の延長",
    "reopen": "未対応に戻す",
    "result": "結果の記録",
    "run": "処理のやり直し",
    "split": "分ける",
    "take-over": "引き継ぎの承諾",
    "undo": "取り消し",
    "want": "折り返し「要」",
}
# What stands in place of a ticket, an id or a name.
WHOLES: Final = {
    "?": "登録のないユーザー名",
    "callbacks": "折り返しの一覧",
    "audit": "操作の記録",
    "list": "一覧",
    "silent": "音声のないもの",
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
