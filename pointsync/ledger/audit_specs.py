"""Which columns of each table the audit log shows. A test checks that no table and no column is forgotten."""

from pointsync.db import Base
from pointsync.models import (
    Admin,
    AlteredMovement,
    ApiKey,
    ApiKeyUse,
    Attempt,
    AuditEntry,
    AuditPermit,
    Backfill,
    BackupFile,
    Balance,
    ChangeDelivery,
    Comparison,
    ConnectedShop,
    Customer,
    CustomerChange,
    CustomerPair,
    DailyDeliveryTotal,
    Delivery,
    Difference,
    ErasedAddress,
    Erasure,
    ErasureKey,
    ErasureReceipt,
    ExpirySettings,
    HandOn,
    HandOnPermission,
    Hold,
    Hook,
    HookDelivery,
    HourlyTotal,
    KeptDelivery,
    LastAlive,
    Lease,
    Level,
    LevelUnlock,
    LostDelivery,
    Mail,
    MailServerStatus,
    MailText,
    Movement,
    MovementChange,
    Origin,
    Outage,
    RateBucket,
    ReceivedSummary,
    Redemption,
    RefusedOrigin,
    Remote,
    RemoteFetch,
    Reserve,
    ReturnedMovement,
    Reversal,
    ReversedMovement,
    Reward,
    Setting,
    Shop,
    ShopAccount,
    ShopAddress,
    ShopKey,
    ShopKeyRequest,
    ShopOrder,
    ShopOrderPoints,
    ShopState,
    SignIn,
    Site,
    StatusChange,
    StoredOrderRule,
    Task,
    Webhook,
    Worker,
)


class AuditSpec:
    """How changes of a model are logged. The columns are given as names separated by spaces."""

    def __init__(
        self, noun: str, name_column: str, columns: str, secret_columns: str = "", ignored_columns: str = ""
    ) -> None:
        self.noun = noun
        """What the model is called in the log."""
        self.name_column = name_column
        """The column that names a row."""
        self.columns = frozenset(columns.split())
        self.secret_columns = frozenset(secret_columns.split())
        """Logged as changed, without a value, even if the value is encrypted or hashed."""
        self.ignored_columns = frozenset(ignored_columns.split())
        """Not logged, since jobs write them, or since other columns say the same."""


AUDITED_MODELS: dict[type[Base], AuditSpec] = {
    Admin: AuditSpec("admin", "name", "name disabled_at", "password_hash", "id created_at"),
    ApiKey: AuditSpec(
        "API key",
        "name",
        "name shop scopes per_minute expires_at old_ends_at revoked_at",
        "digest",
        "id old_digest created_at",
    ),
    ConnectedShop: AuditSpec(
        "shop connection",
        "name",
        "name home_url connected_at disconnected_at removed_at",
        "code_digest",
        "id plugin_id title key_id code_ends_at code_used_at created_at",
    ),
    Delivery: AuditSpec(
        "delivery",
        "id",
        "state message",
        ignored_columns="id movement_seq remote_id attempts called_at unsure_until not_before code delivered_at "
        "is_history",
    ),
    ExpirySettings: AuditSpec(
        "expiry rule",
        "reserve_id",
        "kind count unit month day",
        ignored_columns="reserve_id version since done_day told_day seen_seq",
    ),
    Backfill: AuditSpec(
        "history",
        "remote_id",
        "total stopped_at",
        ignored_columns="remote_id next_seq last_seq done started_at finished_at",
    ),
    HandOn: AuditSpec(
        "hand-on",
        "origin",
        "origin remote_id stopped_at",
        ignored_columns="after_seq sent total applied refused message next_at started_at finished_at",
    ),
    HandOnPermission: AuditSpec(
        "hand-on permission", "origin", "origin sender", ignored_columns="allowed_at allowed_by"
    ),
    Hook: AuditSpec(
        "hook",
        "name",
        "name reserve_id rule rate status order_rule key_shop removed_at",
        "token sealed_secret",
        "id shop_id shop seen_until stack created_at early_rule last_order",
    ),
    Level: AuditSpec(
        "level",
        "title",
        "reserve_id title description points is_active",
        ignored_columns="id created_at next_customer_id",
    ),
    MailText: AuditSpec("mail text", "kind", "subject body", ignored_columns="kind"),
    Origin: AuditSpec(
        "origin",
        "auth",
        "public_key key_refused_at blocked_at blocked_reason",
        ignored_columns=(
            "auth offered_key first_seen_at last_seen_at old_pass_at new_pass_at blocked_by is_key_proven run "
            "call last_id stamp previous_run replaced_at nonce"
        ),
    ),
    Remote: AuditSpec(
        "remote",
        "url",
        "url auth target reserve_id query_template paused_at closing_at deleted_at",
        "sealed_pass",
        "id created_at version dialect name facts clock_offset_seconds checked_run delivered_count delivered_hash "
        "compared_at compared_count is_equal_there is_equal_here gap differs_since owed_until_seq takes_changes "
        "are_changes_equal_there are_changes_equal_here changes_read_at strange_changes failures "
        "next_attempt_at is_probing batch_size attempt_code attempt_message attempt_is_permanent check_code "
        "check_message check_is_permanent checked_at last_success_at last_failure_at last_error holder "
        "held_until status status_text status_at",
    ),
    Reserve: AuditSpec("reserve", "key", "key name is_active may_go_below_zero", ignored_columns="id created_at"),
    Reversal: AuditSpec(
        "reversal",
        "origin",
        "origin reserve_id since reason total stopped_at",
        ignored_columns="id last_seq done corrections out_of_bounds after_customer_id asked_at finished_at",
    ),
    Reward: AuditSpec(
        "reward", "title", "reserve_id title description cost is_active", ignored_columns="id created_at"
    ),
    Setting: AuditSpec("setting", "name", "value", ignored_columns="name"),
    Site: AuditSpec(
        "site",
        "auth",
        "auth public_key url old_pass_ends_at hold",
        "sealed_pass sealed_old_pass sealed_private_key",
        "id marker served_url last_id confirmed_id run call place undigested_seq undigested_total scrubbed_seq "
        "scrub_started_at scrub_finished_at scrub_differences is_fetching_back has_open_fetch restored_at "
        "setup_digest created_at",
    ),
    Shop: AuditSpec("shop", "name", "name merged_into_id", ignored_columns="id code currency created_at"),
    ShopAddress: AuditSpec("shop address", "address", "address shop_id", ignored_columns="created_at"),
    ShopKey: AuditSpec(
        "shop key",
        "url",
        "url key_end",
        "sealed_consumer_key sealed_consumer_secret",
        "shop_id created_at next_at read_until walk night_walk night_done_at last_success_at failures failing_since "
        "code message",
    ),
    Task: AuditSpec(
        "long work",
        "title",
        "kind title",
        ignored_columns="id state done total unit asked_by asked_at started_at ends_at finished_at options position "
        "result message tries holder held_until",
    ),
    Webhook: AuditSpec(
        "webhook",
        "url",
        "url shop disabled_at",
        "sealed_secret",
        "id cursor is_restarted failures failing_since last_failure_at next_attempt_at last_error last_success_at "
        "created_at",
    ),
}

UNAUDITED_MODELS: dict[type[Base], str] = {
    **dict.fromkeys((AuditEntry, AuditPermit), "the log itself"),
    **dict.fromkeys(
        (BackupFile, ErasedAddress, Erasure, ErasureKey, ErasureReceipt),
        "erasures; requesting one, stopping one and informing a site's owner are logged by themselves",
    ),
    **dict.fromkeys((Attempt, ChangeDelivery, StatusChange, DailyDeliveryTotal), "results of sending"),
    **dict.fromkeys((Comparison, Difference), "results of comparing"),
    **dict.fromkeys((RemoteFetch, ReturnedMovement), "fetching back; decisions about it are logged by themselves"),
    **dict.fromkeys(
        (
            Customer,
            CustomerChange,  # what admins do about people is logged by itself
            Movement,
            MovementChange,
            LostDelivery,
            AlteredMovement,
            Balance,
            HourlyTotal,
            Redemption,
            ReversedMovement,
            ReceivedSummary,
            LevelUnlock,
            ShopAccount,
            ShopOrder,
            ShopOrderPoints,
            StoredOrderRule,
        ),
        "the ledger",
    ),
    CustomerPair: "what may be the same; what an admin says about it is logged by itself",
    Hold: "what shops hold; an admin's release is logged by itself",
    **dict.fromkeys(
        (HookDelivery, KeptDelivery, Mail, MailServerStatus, RefusedOrigin), "what others sent, and mails to customers"
    ),
    **dict.fromkeys((LastAlive, Lease, Outage, Worker), "running processes"),
    ShopState: "what plugins report",
    ShopKeyRequest: "questions to shops; a key that was stored is logged by itself",
    RateBucket: "counted attempts",
    ApiKeyUse: "use of keys",
    SignIn: "signing in and out is logged by itself; using a sign-in is not a change",
}
