"""The one error tree. Raised deep, rendered only at the edge (`core.problems`).

Problem                              status  slug
├── BadRequest                       400
│   ├── IdentifierMalformed          400     identifier-malformed
│   ├── NotResponsible               400     not-responsible
│   ├── BodyNotJson                  400     body-not-json
│   └── ParameterInvalid             400     parameter-invalid
├── Unauthenticated                  401
│   ├── CredentialMissing            401     credential-missing
│   ├── CredentialWrong              401     credential-wrong
│   └── LoginWrong                   401     login-wrong
├── Forbidden                        403
│   ├── RoleNotEnough                403     role-not-enough
│   ├── PrefixNotYours               403     prefix-not-yours
│   ├── PrefixSuspended              403     prefix-suspended
│   └── LoginSwitchedOff             403     login-switched-off
├── NotFound                         404
│   ├── IdentifierUnknown            404     identifier-unknown
│   ├── EnterpriseUnknown            404     enterprise-unknown
│   ├── KeyUnknown                   404     key-unknown
│   ├── GrantUnknown                 404     grant-unknown
│   ├── BulkJobUnknown               404     bulk-job-unknown
│   ├── TemplateUnknown              404     template-unknown
│   └── PageUnknown                  404     page-unknown
├── MethodNotAllowed                 405     method-not-allowed
├── Conflict                         409
│   ├── IdentifierConflict           409     identifier-conflict
│   ├── IdentifierWithdrawn          409     identifier-withdrawn
│   ├── GraceOver                    409     grace-over
│   ├── MintedOut                    409     minted-out
│   ├── PrefixTaken                  409     prefix-taken
│   ├── EnterpriseTaken              409     enterprise-taken
│   ├── TemplateTaken                409     template-taken
│   ├── TemplateFixed                409     template-fixed
│   ├── AppIdentityTaken             409     app-identity-taken
│   ├── BulkJobState                 409     bulk-job-state
│   └── BulkFilesAway                409     bulk-files-away
├── IdentifierGone                   410     identifier-gone
├── VersionMismatch                  412     version-mismatch
├── BodyTooLarge                     413     body-too-large
├── BodyInvalid                      422     body-invalid
├── LoginTooFrequent                 429     login-too-frequent
├── InternalError                    500     internal-error
├── StoreUnavailable                 503     store-unavailable
└── DiskFull                         507     disk-full

Each class says once: the stable slug, the HTTP status, the Handle response code (RFC 3652 §2.2.2.2), the SNMS status,
title and way out in both languages, and whether calling again unchanged can succeed.
"""

from __future__ import annotations

from core.errors.conflicts import (
    AppIdentityTaken,
    BulkFilesAway,
    BulkJobState,
    EnterpriseTaken,
    GraceOver,
    IdentifierConflict,
    IdentifierWithdrawn,
    MintedOut,
    PrefixTaken,
    TemplateFixed,
    TemplateTaken,
)
from core.errors.missing import (
    BulkJobUnknown,
    EnterpriseUnknown,
    GrantUnknown,
    IdentifierUnknown,
    KeyUnknown,
    PageUnknown,
    TemplateUnknown,
)
from core.errors.refused import (
    BodyNotJson,
    CredentialMissing,
    CredentialWrong,
    IdentifierMalformed,
    LoginSwitchedOff,
    LoginWrong,
    NotResponsible,
    ParameterInvalid,
    PrefixNotYours,
    PrefixSuspended,
    RoleNotEnough,
)
from core.errors.tree import (
    BadRequest,
    BodyInvalid,
    BodyTooLarge,
    Conflict,
    DiskFull,
    FieldProblem,
    Forbidden,
    IdentifierGone,
    InternalError,
    LoginTooFrequent,
    MethodNotAllowed,
    NotFound,
    Problem,
    StoreUnavailable,
    Unauthenticated,
    VersionMismatch,
    all_problems,
)

__all__ = [
    "AppIdentityTaken",
    "BadRequest",
    "BodyInvalid",
    "BodyNotJson",
    "BodyTooLarge",
    "BulkFilesAway",
    "BulkJobState",
    "BulkJobUnknown",
    "Conflict",
    "CredentialMissing",
    "CredentialWrong",
    "DiskFull",
    "EnterpriseTaken",
    "EnterpriseUnknown",
    "FieldProblem",
    "Forbidden",
    "GraceOver",
    "GrantUnknown",
    "IdentifierConflict",
    "IdentifierGone",
    "IdentifierMalformed",
    "IdentifierUnknown",
    "IdentifierWithdrawn",
    "InternalError",
    "KeyUnknown",
    "LoginSwitchedOff",
    "LoginTooFrequent",
    "LoginWrong",
    "MethodNotAllowed",
    "MintedOut",
    "NotFound",
    "NotResponsible",
    "PageUnknown",
    "ParameterInvalid",
    "PrefixNotYours",
    "PrefixSuspended",
    "PrefixTaken",
    "Problem",
    "RoleNotEnough",
    "StoreUnavailable",
    "TemplateFixed",
    "TemplateTaken",
    "TemplateUnknown",
    "Unauthenticated",
    "VersionMismatch",
    "all_problems",
]
