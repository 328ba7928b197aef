"""`GET /webhooks`, `POST /webhooks` and `DELETE /webhooks/{id}`: the webhooks of the key's shop."""

from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.api.auth import current_shop
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused
from pointsync.api.request_bodies import BodySchema, parse_object, read_json
from pointsync.api.responses import json_response
from pointsync.api.webhooks.schemas import AddedWebhook, NewWebhook, RemovedWebhook, Webhook
from pointsync.errors import DomainError
from pointsync.ids import MAX_ROW_ID
from pointsync.runtime import get_runtime
from pointsync.webhooks import endpoints
from pointsync.webhooks.endpoints import State, WebhookStatus

_SCHEMA = BodySchema(
    NewWebhook,
    'The body must be an object, such as {"url": "https://mugs.example/points-changed"}.',
    {"url": "The URL must be in quotes, such as https://mugs.example/points-changed."},
)

_ID_PARAMETER = Parameter("id", "The webhook's id.", "path", {"type": "integer", "minimum": 1, "maximum": MAX_ROW_ID})


@endpoint(
    "GET",
    "/webhooks",
    scope="shop",
    title="List the webhooks",
    description="The webhooks that keys of this shop have added, and how each is doing. Admins see all in the panel.",
    responses={200: SuccessResponse("The webhooks, oldest first.", (list[Webhook],))},
)
def list_webhooks() -> ResponseReturnValue:
    """Answer with the webhooks of the key's shop."""
    statuses = endpoints.list_all(db.session(), shop=current_shop())
    return json_response([Webhook.from_status(each) for each in statuses])


@endpoint(
    "POST",
    "/webhooks",
    scope="shop",
    title="Add a webhook",
    description=(
        "From now on, this site calls the URL when points have changed. The message points.changed says which balances "
        "have changed, and the position in the feed. Messages are signed as Standard Webhooks describes. They come in "
        "the order of the feed and at least once; a slow endpoint gets one message about several changes. An answer "
        "other than 2xx is a failure, and the message is sent again later."
    ),
    body=(NewWebhook,),
    responses={201: SuccessResponse("The webhook, with its secret.", (AddedWebhook,))},
    errors={
        409: "url_taken: the shop has a webhook with this URL. too_many_webhooks: the site has 20.",
        413: "The body is larger than 1 MB.",
        422: "The body is not valid JSON, or the URL is not valid.",
    },
)
def add_webhook() -> ResponseReturnValue:
    """Add a webhook for the key's shop."""
    shop, vault, now = current_shop(), get_runtime().vault, clock.now()

    def add(session: Session) -> AddedWebhook:
        webhook, secret = endpoints.add(session, vault, wanted.url, now, shop=shop)
        return AddedWebhook(Webhook.from_status(WebhookStatus(webhook, State.NEW, None)), secret)

    try:
        wanted = parse_object(read_json(), _SCHEMA)
        added = db.run_in_transaction(add)
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    return json_response(added, 201)


@endpoint(
    "DELETE",
    "/webhooks/{id}",
    scope="shop",
    title="Remove a webhook",
    description="The URL is not called any more.",
    parameters=(_ID_PARAMETER,),
    responses={200: SuccessResponse("It is removed.", (RemovedWebhook,))},
    errors={404: "The shop of this API key has no webhook with this id."},
)
def remove_webhook(id: int) -> ResponseReturnValue:
    """Remove a webhook of the key's shop."""
    shop = current_shop()
    db.run_in_transaction(lambda session: endpoints.remove(session, id, shop=shop))
    return json_response(RemovedWebhook(id))
