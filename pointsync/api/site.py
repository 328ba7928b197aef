"""`GET /site`."""

from flask.typing import ResponseReturnValue

import pointsync
from pointsync import db
from pointsync.api.endpoints import SuccessResponse, endpoint
from pointsync.api.responses import json_response
from pointsync.api.schemas import SiteHook, SiteInformation
from pointsync.ledger import reserves
from pointsync.ledger.feed.lineage import get_lineage
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import general
from pointsync.woocommerce import hooks


@endpoint(
    "GET",
    "/site",
    scope="read",
    title="Get the site",
    description="This site: its Auth, name, URL and version, and what counts orders for its points reserves.",
    responses={200: SuccessResponse("The site.", (SiteInformation,))},
)
def show_site() -> ResponseReturnValue:
    """Answer with what a shop's program has to know about this site."""
    session, config = db.session(), get_runtime().config
    site = session.get_one(Site, 1)
    keys = {each.id: each.key for each in reserves.list_all(session)}
    return json_response(
        SiteInformation(
            auth=site.auth,
            name=general.get_site_name(session, config),
            url=general.get_effective_url(site, config),
            version=pointsync.__version__,
            lineage=get_lineage(session),
            hooks=[
                SiteHook(each.name, keys[each.reserve_id], each.rule, each.shop, each.key_shop)
                for each in hooks.list_all(session)
            ],
        )
    )
