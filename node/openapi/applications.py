"""Applications: what an applicant and an operator may call."""

from __future__ import annotations

from node.openapi.parts import (
    TEXT,
    TIME,
    WHOLE,
    Schema,
    json,
    list_,
    object_,
    operation,
    or_null,
    path_parameter,
    problem,
    query,
    ref,
    said,
)
from registry.applications.images import Kind
from registry.applications.states import Move, State
from registry.verbs.apply import MAX_OPEN

_TAG = "Onboarding 接入"
_DENIED = {
    "401": problem("No token or key, or a wrong one", "没有令牌或密钥，或不正确"),
    "403": problem("Not for this role", "该角色无权执行"),
}
_UNKNOWN = {"404": problem("No such application, or not yours", "申请不存在，或不是您的申请")}
_STATE = {"409": problem("Not in a state for that", "当前状态不允许")}
_BODY_PROBLEMS = {
    "422": problem("Everything wrong with the body, with field paths", "请求体中的全部问题，逐项指明字段路径")
}
_STATES: Schema = {"enum": list(State)}
_FORM = {
    "name": {"type": "string", "maxLength": 255},
    "credit_code": {"type": "string", "minLength": 18, "maxLength": 18},
    "nature": {"type": ["integer", "null"], "minimum": 1, "maximum": 5}
    | said(
        "1 state-held, 2 private, 3 foreign, 4 public institution, 5 private non-profit",
        "1 国有控股，2 民营控股，3 外商控股，4 事业单位，5 民营非盈利组织",
    ),
    "region": or_null(TEXT) | said("GB/T 2260, six digits", "GB/T 2260 六位行政区划代码"),
    "industry": or_null(TEXT) | said("GB/T 4754-2017, any level", "GB/T 4754-2017 任一级行业代码"),
    "address": or_null(TEXT),
    "contact": {"type": ["object", "null"]} | said("name, email, mobile, id_number", "姓名、邮箱、手机、证件号码"),
    "legal_person": {"type": ["object", "null"]} | said("name, id_number", "姓名、证件号码"),
    "prefix": or_null(TEXT) | said("Wanted; else the next free", "希望的前缀；不填则自动分配"),
    "hosting": {"enum": ["here", "own-node", None]},
    "site": {"type": ["object", "null"]} | said("HS_SITE of the own node", "企业自有节点的 HS_SITE"),
    "service": or_null(TEXT)
    | said(
        "HS_SERV in place of site: an identifier whose record has the HS_SITE",
        "替代 site 的 HS_SERV：其记录含 HS_SITE 的标识",
    ),
}
_EXAMPLE = {
    "name": "北京泰尔英福网络科技有限责任公司",
    "credit_code": "91110108589104047H",
    "nature": 1,
    "region": "110108",
    "industry": "6513",
    "address": "苏家坨中关村科技园翠湖云中心 21 号楼",
    "contact": {"name": "张三", "email": "zhangsan@example.com", "mobile": "13800000000"},
    "legal_person": {"name": "王五", "id_number": "11010519491231002X"},
    "hosting": "here",
}
_MOVES = (
    (Move.SUBMIT, "The applicant submits a draft, or one that was returned. 提交申请。"),
    (Move.REVIEW, "An operator takes it into review. 受理审核。"),
    (Move.RETURN, "Back to the applicant for correction; needs a reason. 退回补正，须填写原因。"),
    (Move.REJECT, "Reject it; needs a reason. 驳回，须填写原因。"),
    (Move.WITHDRAW, "The applicant withdraws it. 申请方撤回。"),
    (Move.RETRY, "Send again what could not be handed to the top level. 重新报送顶级节点。"),
)


def application_schemas() -> Schema:
    move = object_(
        {
            "at": TIME, "actor": TEXT, "move": TEXT, "from": or_null(TEXT), "to": TEXT, "reason": or_null(TEXT),
            "key_id": or_null(TEXT),
        }
    )  # fmt: skip
    image = object_({"kind": TEXT, "media_type": TEXT, "bytes": WHOLE, "stored_at": TIME})
    return {
        "Application": object_(
            {
                "id": WHOLE,
                "state": _STATES,
                "moves": list_(TEXT) | said("What the caller can do next", "调用方下一步可执行的操作"),
                "created_at": TIME,
                "changed_at": TIME,
                "form": {"type": "object"} | said("What is nobody's personal data", "非个人信息部分"),
                "personal": {"type": "object"} | said("Masked, as in 138****1234", "脱敏显示，例如 138****1234"),
                "images": list_(image),
                "enterprise_id": or_null(WHOLE),
                "prefix": or_null(TEXT),
                "first_key": {"enum": ["ready", "fetched", None]},
                "history": list_(move),
                "top_level": list_({"type": "object"}) | said("For operators and auditors", "仅运营方与审计员可见"),
            },
            required=["id", "state", "moves", "form", "personal", "images", "history"],
        )
    }


def applications() -> Schema:
    one = "/api/v1/applications/{id}"
    return {
        "/api/v1/applications": {"post": _apply(), "get": _list()},
        one: {"get": _read(), "patch": _edit()},
        f"{one}:approve": {"post": _approve()},
        f"{one}:change": {"post": _change()},
        f"{one}:first-key": {"post": _first_key()},
        f"{one}/personal-data": {"get": _personal()},
        f"{one}/images/{{kind}}": {"put": _upload(), "get": _image()},
    } | {f"{one}:{move}": {"post": _move(move, words)} for move, words in _MOVES}


def _apply() -> Schema:
    made = object_({"id": WHOLE, "state": _STATES, "token": TEXT}, required=["id", "state", "token"])
    return operation(
        "apply",
        _TAG,
        "An enterprise applies; no key needed. The token, shown this once, reads, edits and withdraws it. "
        "企业申请接入，无需密钥；返回的令牌仅显示一次，用于查询、修改和撤回。",
        {"201": json("Received", "已收到", made)}
        | _BODY_PROBLEMS
        | {
            "429": problem("Too many: Retry-After", "过于频繁，请按 Retry-After 重试"),
            "503": problem("No key for personal data, or no database", "未配置个人信息密钥，或数据库无法访问"),
        },
        body=object_(
            _FORM | {"state": {"enum": ["draft", "submitted"], "default": "submitted"}},
            required=["name", "credit_code"],
            example=_EXAMPLE,
        ),
    )


def _list() -> Schema:
    line = object_(
        {
            "id": WHOLE, "state": _STATES, "credit_code": TEXT, "name": TEXT, "enterprise_id": or_null(WHOLE),
            "prefix": or_null(TEXT), "created_at": TIME, "changed_at": TIME,
        }
    )  # fmt: skip
    page = object_({"items": list_(line), "next": or_null(WHOLE)}, required=["items", "next"])
    return operation(
        "listApplications",
        _TAG,
        "Applications, newest first. 列出申请，最新的在前。",
        {"200": json("A page; `next` goes on", "一页；用 `next` 继续", page)}
        | _DENIED
        | {"400": problem("A parameter is not valid", "参数不正确")},
        parameters=[
            query("state", _STATES, "Only those in this state", "仅列出该状态的申请"),
            query("before", WHOLE, "`next` of the page before", "上一页的 `next`"),
            query("limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}, "Page size", "每页数量"),
        ],
        key=True,
    )


def _read() -> Schema:
    return operation(
        "readApplication",
        _TAG,
        "Where an application stands, to its applicant, operators and auditors. 查询申请及办理进度。",
        {"200": json("The application", "申请", ref("Application"))} | _DENIED | _UNKNOWN,
        parameters=[_number()],
        key=True,
    )


def _edit() -> Schema:
    return operation(
        "editApplication",
        _TAG,
        "The applicant changes a draft, or one that was returned; null takes a member back. 修改草稿或被退回的申请。",
        {"200": json("As it is then", "修改后的申请", ref("Application"))}
        | _DENIED
        | _UNKNOWN
        | _STATE
        | _BODY_PROBLEMS,
        parameters=[_number()],
        body=object_(_FORM, example={"nature": 2, "contact": {"mobile": "13800000001"}}),
        key=True,
    )


def _move(move: Move, words: str) -> Schema:
    reason = object_({"reason": {"type": "string", "maxLength": 1000}}, example={"reason": "营业执照不清晰"})
    made = operation(
        f"{move}Application",
        _TAG,
        words,
        {"200": json("As it stands then", "当前状态", ref("Application"))}
        | _DENIED
        | _UNKNOWN
        | _STATE
        | _BODY_PROBLEMS,
        parameters=[_number()],
        body=reason,
        key=True,
    )
    made["requestBody"]["required"] = False
    if move is Move.SUBMIT:
        made["responses"]["429"] = problem(
            f"{MAX_OPEN} with this credit code are submitted and open: Retry-After",
            f"该统一社会信用代码已有 {MAX_OPEN} 份已提交且未办结的申请，请按 Retry-After 重试",
        )
    return made


def _approve() -> Schema:
    body = object_({"prefix": TEXT, "reason": TEXT}, example={"prefix": "88.118.8"})
    made = operation(
        "approveApplication",
        _TAG,
        "Approve it: the enterprise is made, its prefix reserved, both handed to the top level. "
        "审核通过：登记企业、预留前缀并报送顶级节点。",
        {"200": json("As it stands then", "当前状态", ref("Application"))}
        | _DENIED
        | _UNKNOWN
        | _BODY_PROBLEMS
        | {
            "409": problem(
                "State, missing images, or prefix or name taken", "状态不允许、缺少图片，或前缀、名称已被占用"
            )
        },
        parameters=[_number()],
        body=body,
        key=True,
    )
    made["requestBody"]["required"] = False
    return made


def _change() -> Schema:
    known = ("name", "nature", "region", "industry", "address", "contact", "legal_person")
    return operation(
        "changeEnterprise",
        _TAG,
        "Change what an active application says of its enterprise; the top level is told. 变更已生效企业的信息并报送顶级节点。",
        {"200": json("As it is then", "变更后的申请", ref("Application"))}
        | _DENIED
        | _UNKNOWN
        | _STATE
        | _BODY_PROBLEMS,
        parameters=[_number()],
        body=object_({name: _FORM[name] for name in known}, example={"address": "苏州市相城区高铁新城 1 号"}),
        key=True,
    )


def _first_key() -> Schema:
    key = object_({"key": TEXT, "key_id": TEXT, "role": TEXT, "scopes": list_(TEXT), "enterprise_id": WHOLE})
    return operation(
        "fetchFirstKey",
        _TAG,
        "The applicant fetches the first key of the enterprise, once. 领取企业的首个密钥，仅一次。",
        {"201": json("Shown this once", "仅显示一次", key)} | _DENIED | _UNKNOWN | _STATE,
        parameters=[_number()],
        key=True,
    )


def _personal() -> Schema:
    shown = object_({"id": WHOLE, "personal": {"type": "object", "additionalProperties": TEXT}})
    return operation(
        "viewPersonalData",
        _TAG,
        "Personal data in the clear, for operators; every look is audited. 运营方查看个人信息明文，每次查看均记入审计。",
        {"200": json("The fields", "各项内容", shown), "400": problem("A parameter is not valid", "参数不正确")}
        | _DENIED
        | _UNKNOWN,
        parameters=[
            _number(),
            query("fields", TEXT, "Such as contact.mobile, separated by commas", "例如 contact.mobile，用逗号分隔"),
        ],
        key=True,
    )


def _upload() -> Schema:
    stored = object_({"kind": TEXT, "media_type": TEXT, "bytes": WHOLE})
    made = operation(
        "uploadImage",
        _TAG,
        "An image of at most 4 MiB: JPEG, PNG or PDF by its content. 上传证照图片，最大 4 MiB。",
        {
            "200": json("Stored, encrypted", "已加密保存", stored),
            "400": problem("No such kind", "种类不正确"),
            "413": problem("Too large", "文件过大"),
        }
        | _DENIED
        | _UNKNOWN
        | _STATE
        | {"422": problem("Not an image that is taken", "不支持的文件类型")},
        parameters=[_number(), _kind()],
        key=True,
    )
    binary: Schema = {"type": "string", "format": "binary"}
    made["requestBody"] = {
        "required": True,
        "content": {kind: {"schema": binary} for kind in ("image/jpeg", "image/png", "application/pdf")},
    }
    return made


def _image() -> Schema:
    binary: Schema = {"schema": {"type": "string", "format": "binary"}}
    found = said("The file", "文件") | {
        "content": dict.fromkeys(("image/jpeg", "image/png", "application/pdf"), binary)
    }
    return operation(
        "viewImage",
        _TAG,
        "An image as a file to be saved, for operators; every look is audited. 运营方下载证照图片，每次查看均记入审计。",
        {"200": found, "400": problem("No such kind", "种类不正确")}
        | _DENIED
        | {"404": problem("No such image", "图片不存在")},
        parameters=[_number(), _kind()],
        key=True,
    )


def _number() -> Schema:
    return path_parameter("id", "Number of the application", "申请编号")


def _kind() -> Schema:
    return path_parameter("kind", "What the image shows", "图片种类", {"enum": list(Kind)})
