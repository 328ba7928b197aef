"""The shop's staff in wp-admin, without scripts: the plugin's page and its forms."""

import re
from typing import Any

from tests.real_shops.buyer import PASSWORD
from tests.real_shops.visitor import Visitor
from tests.real_shops.world import World

PAGE = "/wp-admin/admin.php?page=pointsync"


class Merchant:
    """A shop manager who is signed in."""

    def __init__(self, w: World) -> None:
        name = f"merchant-{w.who('m').partition('@')[0]}"
        w.do("merchant", name=name)
        self.visitor = Visitor(w.shop.url)
        self.visitor.get("/wp-login.php")  # which sets the cookie that shows that cookies work
        self.visitor.post("/wp-login.php", log=name, pwd=PASSWORD, testcookie="1")

    def page(self) -> str:
        """The plugin's page."""
        text = self.visitor.get(PAGE)
        assert "pointsync-facts" in text, text[:500]
        for wrong in ("<b>Warning</b>", "<b>Notice</b>", "<b>Fatal error</b>", "<b>Deprecated</b>"):
            assert wrong not in text, text[max(0, text.find(wrong) - 200) :][:600]
        return text

    def press(self, action: str, *, file: tuple[str, bytes] | None = None, **fields: Any) -> str:
        """Send the form of an action, and return the page that follows."""
        form = re.search(rf'<form(?:(?!</form>).)*value="pointsync_{action}"(?:(?!</form>).)*', self.page(), re.DOTALL)
        assert form, f"no form {action}"
        nonce = re.search(r'name="_wpnonce" value="([^"]+)"', form.group(0))
        assert nonce, form.group(0)
        answer = self.visitor.session.post(
            self.visitor.url + "/wp-admin/admin-post.php",
            data={"action": f"pointsync_{action}", "_wpnonce": nonce.group(1), **fields},
            files={"file": file} if file else None,
            timeout=60,
        )
        assert answer.status_code == 200, (action, answer.status_code, answer.text[:500])
        return answer.text
