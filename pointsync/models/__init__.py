"""The tables, one file per noun. What is done with them is in `ledger`, `sync` and the other packages."""

from pointsync.models.admin import Admin
from pointsync.models.api_key import ApiKey, ApiKeyUse
from pointsync.models.attempt import Attempt, DailyDeliveryTotal
from pointsync.models.audit import AuditEntry
from pointsync.models.backfill import Backfill
from pointsync.models.balance import Balance
from pointsync.models.change_delivery import ChangeDelivery
from pointsync.models.comparison import Comparison, Difference
from pointsync.models.connected_shop import ConnectedShop, ShopState
from pointsync.models.customer import Customer
from pointsync.models.customer_change import Approval, CustomerChange
from pointsync.models.customer_pair import CustomerPair
from pointsync.models.delivery import Delivery, DeliveryState, LostDelivery
from pointsync.models.erasure import (
    AuditPermit,
    BackupFile,
    ErasedAddress,
    Erasure,
    ErasureKey,
    ErasureReceipt,
)
from pointsync.models.expiry import ExpirySettings
from pointsync.models.fetch_back import FetchState, RemoteFetch, ReturnedMovement, ReturnProblem
from pointsync.models.hand_on import HandOn, HandOnPermission
from pointsync.models.hold import Hold
from pointsync.models.hook import Hook, HookDelivery, KeptDelivery
from pointsync.models.hourly_total import HourlyTotal
from pointsync.models.level import Level, LevelUnlock
from pointsync.models.mail import Mail, MailServerStatus, MailText
from pointsync.models.movement import AlteredMovement, Movement, MovementChange
from pointsync.models.origin import Origin, ReceivedSummary, RefusedOrigin
from pointsync.models.outage import LastAlive, Outage
from pointsync.models.rate_bucket import RateBucket
from pointsync.models.remote import Remote
from pointsync.models.reserve import Reserve
from pointsync.models.reversal import Reversal, ReversedMovement
from pointsync.models.reward import Redemption, Reward
from pointsync.models.setting import Setting
from pointsync.models.shop import Shop, ShopAddress
from pointsync.models.shop_account import ShopAccount
from pointsync.models.shop_key import ShopKey, ShopKeyRequest
from pointsync.models.shop_order import ShopOrder, ShopOrderPoints, StoredOrderRule
from pointsync.models.sign_in import SignIn
from pointsync.models.site import Site
from pointsync.models.status_change import StatusChange
from pointsync.models.task import Task, TaskState
from pointsync.models.webhook import Webhook
from pointsync.models.worker import Lease, Worker

__all__ = [
    "Admin",
    "AlteredMovement",
    "ApiKey",
    "ApiKeyUse",
    "Approval",
    "Attempt",
    "AuditEntry",
    "AuditPermit",
    "Backfill",
    "BackupFile",
    "Balance",
    "ChangeDelivery",
    "Comparison",
    "ConnectedShop",
    "Customer",
    "CustomerChange",
    "CustomerPair",
    "DailyDeliveryTotal",
    "Delivery",
    "DeliveryState",
    "Difference",
    "ErasedAddress",
    "Erasure",
    "ErasureKey",
    "ErasureReceipt",
    "ExpirySettings",
    "FetchState",
    "HandOn",
    "HandOnPermission",
    "Hold",
    "Hook",
    "HookDelivery",
    "HourlyTotal",
    "KeptDelivery",
    "LastAlive",
    "Lease",
    "Level",
    "LevelUnlock",
    "LostDelivery",
    "Mail",
    "MailServerStatus",
    "MailText",
    "Movement",
    "MovementChange",
    "Origin",
    "Outage",
    "RateBucket",
    "ReceivedSummary",
    "Redemption",
    "RefusedOrigin",
    "Remote",
    "RemoteFetch",
    "Reserve",
    "ReturnProblem",
    "ReturnedMovement",
    "Reversal",
    "ReversedMovement",
    "Reward",
    "Setting",
    "Shop",
    "ShopAccount",
    "ShopAddress",
    "ShopKey",
    "ShopKeyRequest",
    "ShopOrder",
    "ShopOrderPoints",
    "ShopState",
    "SignIn",
    "Site",
    "StatusChange",
    "StoredOrderRule",
    "Task",
    "TaskState",
    "Webhook",
    "Worker",
]
