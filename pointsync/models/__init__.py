"""The nouns: one file each. Facts live here; what is done with them lives in `ledger` and `sync`."""

from pointsync.models.admin import Admin
from pointsync.models.api_key import ApiKey, KeyUse
from pointsync.models.attempt import Attempt, Tally
from pointsync.models.audit import Audit
from pointsync.models.backfill import History
from pointsync.models.balance import Balance
from pointsync.models.customer import Customer
from pointsync.models.delivery import Delivery, State
from pointsync.models.expiry import Expiry
from pointsync.models.hook import Hook, HookDelivery
from pointsync.models.hourly_total import Flow
from pointsync.models.level import Level, Unlock
from pointsync.models.mail import Mail, MailServer, MailText
from pointsync.models.movement import Movement
from pointsync.models.origin import Holding, Origin, TurnedAway
from pointsync.models.rate_bucket import Bucket
from pointsync.models.remote import Remote
from pointsync.models.reserve import Reserve
from pointsync.models.reversal import Reversal, ReversedMovement
from pointsync.models.reward import Redemption, Reward
from pointsync.models.setting import Setting
from pointsync.models.sign_in import SignIn
from pointsync.models.site import Site
from pointsync.models.status_change import StatusChange
from pointsync.models.task import Work, WorkState
from pointsync.models.worker import Lease, Worker

__all__ = [
    "Admin",
    "ApiKey",
    "Attempt",
    "Audit",
    "Balance",
    "Bucket",
    "Customer",
    "Delivery",
    "Expiry",
    "Flow",
    "History",
    "Holding",
    "Hook",
    "HookDelivery",
    "KeyUse",
    "Lease",
    "Level",
    "Mail",
    "MailServer",
    "MailText",
    "Movement",
    "Origin",
    "Redemption",
    "Remote",
    "Reserve",
    "Reversal",
    "ReversedMovement",
    "Reward",
    "Setting",
    "SignIn",
    "Site",
    "State",
    "StatusChange",
    "Tally",
    "TurnedAway",
    "Unlock",
    "Work",
    "WorkState",
    "Worker",
]
