"""Every version that was live is there to be read, compared and gone back to."""

import html
import re

import pytest

from tests.dialplans import SHOP, changed
from tests.web.conftest import Login, form_token
from tests.web.lines import Office

VERSIONS = "/admin/lines/shop/versions"
THREE = changed("capacity: 2", "capacity: 3")
FOUR = changed("capacity: 2", "capacity: 4")


def rows(page: str) -> list[str]:
    found = re.findall(r"<tr[ >].*?</tr>", page.split("<tbody>")[1], re.DOTALL)
    return [html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row))).strip() for row in found]


@pytest.fixture
async def hashes(office: Office) -> list[str]:
    """Of three versions: capacity 2, 3 and 4; the last is live."""
    found = [(await office.hashes())["shop"]]
    for text, why in ((THREE, "三人目"), (FOUR, "四人目")):
        office.file("shop").write_text(text, "utf-8")
        assert await office.publish("suzuki", why) == []
        found.append((await office.hashes())["shop"])
    assert len({*found}) == 3
    return found


async def test_the_list_says_who_when_and_why(hashes: list[str], login: Login) -> None:
    carol = await login("carol")
    found = rows(await (await carol.get(VERSIONS)).text())
    assert found == [
        f"今日 11:00 suzuki 四人目 {hashes[2][:8]} 公開中",
        f"今日 11:00 suzuki 三人目 {hashes[1][:8]}",
        f"今日 11:00 test — {hashes[0][:8]}",
    ]


async def test_a_change_on_disk_has_nobodys_name(office: Office, login: Login) -> None:
    office.file("shop").write_text(THREE, "utf-8")
    assert await office.publish("file", "changed on disk") == []
    carol = await login("carol")
    found = rows(await (await carol.get(VERSIONS)).text())
    assert found[0].startswith("今日 11:00 ファイルの変更 — ")


async def test_a_version_is_compared_with_the_one_before_and_the_live_one(
    hashes: list[str], login: Login
) -> None:
    carol = await login("carol")
    page = await (await carol.get(f"{VERSIONS}/{hashes[1]}")).text()
    before, live = page.split('aria-label="一つ前の版との違い"')[1].split('aria-label="公開中の版との違い"')
    assert '<del><span class="sign">-</span>  capacity: 2</del>' in before
    assert '<ins><span class="sign">+</span>  capacity: 3</ins>' in before
    assert '<del><span class="sign">-</span>  capacity: 3</del>' in live
    assert '<ins><span class="sign">+</span>  capacity: 4</ins>' in live
    page = await (await carol.get(f"{VERSIONS}/{hashes[0]}")).text()
    assert "一つ前の版との違い" not in page
    page = await (await carol.get(f"{VERSIONS}/{hashes[2]}")).text()
    assert "この版に戻す" not in page, "it is live"


async def test_one_can_go_back_to_any(office: Office, hashes: list[str], login: Login) -> None:
    carol = await login("carol")
    token = await form_token(carol, f"{VERSIONS}/{hashes[0]}")
    async with office.working():
        form = {"token": token, "why": "人が足りない"}
        answer = await carol.post(f"{VERSIONS}/{hashes[0]}/roll-back", data=form)
    page = await answer.text()
    assert answer.status == 200 and "戻しました。" in page
    assert rows(page)[0] == f"今日 11:00 carol 人が足りない {hashes[0][:8]} 公開中"
    assert len(rows(page)) == 4
    assert office.file("shop").read_text("utf-8") == SHOP
    assert await office.source("shop") == SHOP


@pytest.mark.parametrize("broken", [b"line: [", SHOP.encode("cp932"), None])
async def test_a_file_that_was_broken_goes_back_to_what_is_live(
    office: Office, hashes: list[str], login: Login, broken: bytes | None
) -> None:
    carol = await login("carol")
    file = office.file("shop")
    file.write_bytes(broken) if broken is not None else file.unlink()
    address = f"{VERSIONS}/{hashes[2]}"
    assert "この版に戻す" in await (await carol.get(address)).text()
    async with office.working():
        answer = await carol.post(f"{address}/roll-back", data={"token": await form_token(carol, address)})
    assert answer.status == 200 and "戻しました。" in await answer.text()
    assert file.read_text("utf-8") == FOUR


async def test_what_could_not_be_put_back_is_not_said_to_be(
    office: Office, hashes: list[str], login: Login
) -> None:
    """The live version, when another line has taken its number on disk: nothing is written."""
    carol = await login("carol")
    office.file("shop").write_text("line: [", "utf-8")
    other = office.file("sakura").read_text("utf-8")
    office.file("sakura").write_text(other.replace("03-3581-4111", "050-3185-9080"), "utf-8")
    address = f"{VERSIONS}/{hashes[2]}"
    answer = await carol.post(f"{address}/roll-back", data={"token": await form_token(carol, address)})
    assert answer.status == 422 and "この版に戻せませんでした。" in await answer.text()


async def test_a_version_that_is_wrong_today_stays_history(
    office: Office, hashes: list[str], login: Login
) -> None:
    """Its number belongs to another line by now."""
    office.file("shop").write_text(changed("050-3185-9080", "050-3185-9081"), "utf-8")
    other = office.file("sakura").read_text("utf-8")
    office.file("sakura").write_text(other.replace("03-3581-4111", "050-3185-9080"), "utf-8")
    assert await office.publish("suzuki") == []
    carol = await login("carol")
    token = await form_token(carol, f"{VERSIONS}/{hashes[0]}")
    answer = await carol.post(f"{VERSIONS}/{hashes[0]}/roll-back", data={"token": token})
    page = await answer.text()
    assert answer.status == 422 and "この版に戻せませんでした。" in page
    assert "dialplans/shop.yaml:4:13" in page and "sakura.yaml" not in page
    assert "050-3185-9081" in office.file("shop").read_text("utf-8")


async def test_shared_files_of_today_are_not_put_back_for_other_lines(office: Office, login: Login) -> None:
    hours = SHOP.split("start: office")[0].split("hours:", 1)[1]
    office.share("japan", f"hours:{hours}")
    office.file("shop").write_text(changed(f"hours:{hours}", "use: [japan]\n"), "utf-8")
    assert await office.publish("suzuki") == []
    old = (await office.hashes())["shop"]
    office.share("japan", f"hours:{hours}".replace("17:00", "18:00"))
    assert await office.publish("suzuki") == []
    carol = await login("carol")
    page = await (await carol.get(f"{VERSIONS}/{old}")).text()
    assert "shared/japan.yaml の全文" in page
    form = {"token": await form_token(carol, f"{VERSIONS}/{old}")}
    answer = await carol.post(f"{VERSIONS}/{old}/roll-back", data=form)
    assert answer.status == 409 and "共通ファイルはほかの窓口も使うため" in await answer.text()
    assert "18:00" in office.file("shared/japan").read_text("utf-8")


@pytest.mark.parametrize("hash", ["0" * 64, "x", "%25"])
async def test_there_is_no_such_version(office: Office, login: Login, hash: str) -> None:
    carol = await login("carol")
    assert (await carol.get(f"{VERSIONS}/{hash}")).status == 404
    token = await form_token(carol, VERSIONS)
    assert (await carol.post(f"{VERSIONS}/{hash}/roll-back", data={"token": token})).status == 404


async def test_the_beginning_of_a_hash_is_no_address(office: Office, hashes: list[str], login: Login) -> None:
    carol = await login("carol")
    assert (await carol.get(f"{VERSIONS}/{hashes[0][:8]}")).status == 404
