"""What an agent on duty (当番) hears who is rung for a critical callback; nothing of the matter before the key 1."""

from ivr.prompts.spoken import digits

ASK = (
    "当番の担当者へのお電話です。緊急の折り返しの受付がございます。"
    "対応される場合は1を、対応できない場合は2を押してください。"
)
ACCEPTED = "承りました。"
TICKET, IS, WINDOW = "受付番号は、", "です。", "窓口は、{line}です。"
AGAIN = "繰り返します。"
WHERE = "折り返しの画面で、この受付番号をお開きください。"
DECLINED = "承知いたしました。次の担当者に、ご連絡します。"
TAKEN = "この折り返しは、ほかの担当者が対応しているか、すでに終わっています。ありがとうございました。"
FAILED = "恐れ入りますが、受け付けを確認できませんでした。折り返しの画面を、ご確認ください。"
DIGITS = tuple(digits(digit) for digit in "0123456789")
TEXTS = (ASK, ACCEPTED, TICKET, *DIGITS, IS, WINDOW, AGAIN, WHERE, DECLINED, TAKEN, FAILED)
