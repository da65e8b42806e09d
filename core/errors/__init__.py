"""The one error tree. Raised deep, rendered only at the edge (`core.problems`).

Problem                              status  slug
├── BadRequest                       400
│   ├── IdentifierMalformed          400     identifier-malformed
│   ├── NotResponsible               400     not-responsible
│   ├── RequestMalformed             400     request-malformed
│   ├── BodyNotJson                  400     body-not-json
│   ├── HandleMessageMalformed       400     handle-message-malformed
│   ├── ParameterInvalid             400     parameter-invalid
│   └── ValuesUnknown                400     values-unknown
├── Unauthenticated                  401
│   ├── CredentialMissing            401     credential-missing
│   ├── CredentialWrong              401     credential-wrong
│   ├── LoginWrong                   401     login-wrong
│   ├── AdministratorMissing         401     administrator-missing
│   ├── AdministratorUnknown         401     administrator-unknown
│   ├── AdministratorWrong           401     administrator-wrong
│   └── HandleSessionUnknown         401     handle-session-unknown
├── Forbidden                        403
│   ├── RoleNotEnough                403     role-not-enough
│   ├── ScopeNotEnough               403     scope-not-enough
│   ├── SourceNotAllowed             403     source-not-allowed
│   ├── PrefixNotYours               403     prefix-not-yours
│   ├── PrefixSuspended              403     prefix-suspended
│   ├── QuotaExhausted               403     quota-exhausted
│   ├── PrefixLimit                  403     prefix-limit
│   ├── LoginSwitchedOff             403     login-switched-off
│   ├── EnterpriseSuspended          403     enterprise-suspended
│   ├── PrefixNotAnswering           403     prefix-not-answering
│   ├── AdministratorNotAllowed      403     administrator-not-allowed
│   └── TlsNeeded                    403     tls-needed
├── NotFound                         404
│   ├── IdentifierUnknown            404     identifier-unknown
│   ├── EnterpriseUnknown            404     enterprise-unknown
│   ├── KeyUnknown                   404     key-unknown
│   ├── GrantUnknown                 404     grant-unknown
│   ├── BulkJobUnknown               404     bulk-job-unknown
│   ├── TemplateUnknown              404     template-unknown
│   ├── PageUnknown                  404     page-unknown
│   ├── ApplicationUnknown           404     application-unknown
│   ├── ImageUnknown                 404     image-unknown
│   ├── PrefixUnknown                404     prefix-unknown
│   ├── TransferUnknown              404     transfer-unknown
│   ├── LeaseUnknown                 404     lease-unknown
│   └── LinkUnknown                  404     link-unknown
├── MethodNotAllowed                 405     method-not-allowed
├── LinkNotAcceptable                406     link-not-acceptable
├── BodyOverdue                      408     body-overdue
├── Conflict                         409
│   ├── IdentifierConflict           409     identifier-conflict
│   ├── IdentifierWithdrawn          409     identifier-withdrawn
│   ├── GraceOver                    409     grace-over
│   ├── MintedOut                    409     minted-out
│   ├── PrefixTaken                  409     prefix-taken
│   ├── EnterpriseTaken              409     enterprise-taken
│   ├── TemplateTaken                409     template-taken
│   ├── TemplateFixed                409     template-fixed
│   ├── TemplateState                409     template-state
│   ├── AppIdentityTaken             409     app-identity-taken
│   ├── KeyEnded                     409     key-ended
│   ├── BulkJobState                 409     bulk-job-state
│   ├── BulkFilesAway                409     bulk-files-away
│   ├── ValueIndexNotReady           409     value-index-not-ready
│   ├── ApplicationState             409     application-state
│   ├── ImagesMissing                409     images-missing
│   ├── FirstKeyTaken                409     first-key-taken
│   ├── EnterpriseState              409     enterprise-state
│   ├── PrefixPending                409     prefix-pending
│   ├── PrefixElsewhere              409     prefix-hosted-elsewhere
│   ├── IdentifierTransferred        409     identifier-transferred
│   ├── TransferOpen                 409     transfer-open
│   ├── TransferState                409     transfer-state
│   ├── TransferBlocked              409     transfer-blocked
│   ├── SuffixLeased                 409     suffix-leased
│   ├── LeasesTooMany                409     leases-too-many
│   ├── LeaseEnded                   409     lease-ended
│   ├── IdentifierTaken              409     identifier-taken
│   └── ValueTaken                   409     value-taken
├── IdentifierGone                   410     identifier-gone
├── VersionMismatch                  412     version-mismatch
├── VersionNotReached                412     version-not-reached
├── BodyTooLarge                     413     body-too-large
├── BodyInvalid                      422     body-invalid
├── LoginTooFrequent                 429     login-too-frequent
├── ApplicationsTooMany              429     applications-too-many
├── PatternUnsupported               422     pattern-unsupported
├── RateLimited                      429     rate-limited
├── InternalError                    500     internal-error
├── RecursionFailed                  502     recursion-failed
├── StoreUnavailable                 503     store-unavailable
├── RegistrationFrozen               503     registration-frozen
├── PersonalDataLocked               503     personal-data-locked
├── ExportsBusy                      503     exports-busy
├── DiskFull                         507     disk-full
└── AliasLoop                        508     alias-loop

Each class says once: the stable slug, the HTTP status, the Handle response code (RFC 3652 §2.2.2.2), the SNMS status,
title and way out in both languages, and whether calling again unchanged can succeed.
"""

from __future__ import annotations

from core.errors.conflicts import (
    AppIdentityTaken,
    ApplicationState,
    BulkFilesAway,
    BulkJobState,
    EnterpriseState,
    EnterpriseTaken,
    FirstKeyTaken,
    GraceOver,
    IdentifierConflict,
    IdentifierTaken,
    IdentifierTransferred,
    IdentifierWithdrawn,
    ImagesMissing,
    KeyEnded,
    LeaseEnded,
    LeasesTooMany,
    MintedOut,
    PrefixElsewhere,
    PrefixPending,
    PrefixTaken,
    SuffixLeased,
    TemplateFixed,
    TemplateState,
    TemplateTaken,
    TransferBlocked,
    TransferOpen,
    TransferState,
    ValueIndexNotReady,
    ValueTaken,
)
from core.errors.missing import (
    ApplicationUnknown,
    BulkJobUnknown,
    EnterpriseUnknown,
    GrantUnknown,
    IdentifierUnknown,
    ImageUnknown,
    KeyUnknown,
    LeaseUnknown,
    LinkUnknown,
    PageUnknown,
    PrefixUnknown,
    TemplateUnknown,
    TransferUnknown,
)
from core.errors.refused import (
    AdministratorMissing,
    AdministratorNotAllowed,
    AdministratorUnknown,
    AdministratorWrong,
    BodyNotJson,
    CredentialMissing,
    CredentialWrong,
    EnterpriseSuspended,
    HandleMessageMalformed,
    HandleSessionUnknown,
    IdentifierMalformed,
    LoginSwitchedOff,
    LoginWrong,
    NotResponsible,
    ParameterInvalid,
    PrefixLimit,
    PrefixNotAnswering,
    PrefixNotYours,
    PrefixSuspended,
    QuotaExhausted,
    RequestMalformed,
    RoleNotEnough,
    ScopeNotEnough,
    SourceNotAllowed,
    TlsNeeded,
    ValuesUnknown,
)
from core.errors.tree import (
    AliasLoop,
    ApplicationsTooMany,
    BadRequest,
    BodyInvalid,
    BodyOverdue,
    BodyTooLarge,
    Conflict,
    DiskFull,
    ExportsBusy,
    FieldProblem,
    Forbidden,
    IdentifierGone,
    InternalError,
    LinkNotAcceptable,
    LoginTooFrequent,
    MethodNotAllowed,
    NotFound,
    PatternUnsupported,
    PersonalDataLocked,
    Problem,
    RateLimited,
    RecursionFailed,
    RegistrationFrozen,
    StoreUnavailable,
    Unauthenticated,
    VersionMismatch,
    VersionNotReached,
    all_problems,
)

__all__ = [
    "AdministratorMissing",
    "AdministratorNotAllowed",
    "AdministratorUnknown",
    "AdministratorWrong",
    "AliasLoop",
    "AppIdentityTaken",
    "ApplicationState",
    "ApplicationUnknown",
    "ApplicationsTooMany",
    "BadRequest",
    "BodyInvalid",
    "BodyNotJson",
    "BodyOverdue",
    "BodyTooLarge",
    "BulkFilesAway",
    "BulkJobState",
    "BulkJobUnknown",
    "Conflict",
    "CredentialMissing",
    "CredentialWrong",
    "DiskFull",
    "EnterpriseState",
    "EnterpriseSuspended",
    "EnterpriseTaken",
    "EnterpriseUnknown",
    "ExportsBusy",
    "FieldProblem",
    "FirstKeyTaken",
    "Forbidden",
    "GraceOver",
    "GrantUnknown",
    "HandleMessageMalformed",
    "HandleSessionUnknown",
    "IdentifierConflict",
    "IdentifierGone",
    "IdentifierMalformed",
    "IdentifierTaken",
    "IdentifierTransferred",
    "IdentifierUnknown",
    "IdentifierWithdrawn",
    "ImageUnknown",
    "ImagesMissing",
    "InternalError",
    "KeyEnded",
    "KeyUnknown",
    "LeaseEnded",
    "LeaseUnknown",
    "LeasesTooMany",
    "LinkNotAcceptable",
    "LinkUnknown",
    "LoginSwitchedOff",
    "LoginTooFrequent",
    "LoginWrong",
    "MethodNotAllowed",
    "MintedOut",
    "NotFound",
    "NotResponsible",
    "PageUnknown",
    "ParameterInvalid",
    "PatternUnsupported",
    "PersonalDataLocked",
    "PrefixElsewhere",
    "PrefixLimit",
    "PrefixNotAnswering",
    "PrefixNotYours",
    "PrefixPending",
    "PrefixSuspended",
    "PrefixTaken",
    "PrefixUnknown",
    "Problem",
    "QuotaExhausted",
    "RateLimited",
    "RecursionFailed",
    "RegistrationFrozen",
    "RequestMalformed",
    "RoleNotEnough",
    "ScopeNotEnough",
    "SourceNotAllowed",
    "StoreUnavailable",
    "SuffixLeased",
    "TemplateFixed",
    "TemplateState",
    "TemplateTaken",
    "TemplateUnknown",
    "TlsNeeded",
    "TransferBlocked",
    "TransferOpen",
    "TransferState",
    "TransferUnknown",
    "Unauthenticated",
    "ValueIndexNotReady",
    "ValueTaken",
    "ValuesUnknown",
    "VersionMismatch",
    "VersionNotReached",
    "all_problems",
]
