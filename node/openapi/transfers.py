"""Transfers of identifiers and prefixes between enterprises."""

from __future__ import annotations

from node.openapi.parts import (
    EXAMPLE,
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
    refusals,
    said,
)
from registry.transfers.states import State

_TAG = "Registering 注册"
_DENIED = refusals("Not yours, or the other side's move", "不属于您，或应由对方操作")
_UNKNOWN = {"404": problem("No such transfer, or not yours", "转让不存在，或与您无关")}
_ID: Schema = path_parameter("id", "Of the transfer", "转让编号", WHOLE)
_STATES: Schema = {"enum": list(State)}
_MOVES = {
    "confirm": (
        "The giving side consents to what the operator proposed. 转出方同意运营方发起的转让。",
        "Offered",
        "已提出",
    ),
    "accept": (
        "The receiving side accepts: it changes hands at once. Of a prefix grants, application identities, open leases and "
        "bulk jobs end; identifiers and templates go along. 接收方接受，立即生效。",
        "It is yours",
        "已生效",
    ),
    "decline": ("The receiving side declines. 接收方拒绝。", "Declined", "已拒绝"),
    "cancel": ("The giving side, or the operator, takes it back. 转出方或运营方撤销。", "Cancelled", "已撤销"),
}


def transfers() -> Schema:
    return {
        "/api/v1/transfers": {"post": _offer(), "get": _list()},
        "/api/v1/transfers/{id}": {
            "get": operation(
                "readTransfer",
                _TAG,
                "One transfer, for both sides. 查询转让，双方可见。",
                {"200": json("The transfer", "转让", _transfer())} | _DENIED | _UNKNOWN,
                parameters=[_ID],
                key=True,
            )
        },
        **{f"/api/v1/transfers/{{id}}:{move}": {"post": _move(move)} for move in _MOVES},
    }


def _offer() -> Schema:
    asked = {
        "object": TEXT | said("One identifier; or", "单个标识；或"),
        "prefix": TEXT | said("a whole prefix", "整个前缀"),
        "to_enterprise": WHOLE | said("Number of the receiving enterprise", "接收企业编号"),
        "reason": TEXT,
        "until": TIME
        | said("When the offer expires; 30 days from now where it is not named", "到期时间；缺省为 30 天后"),
    }
    example = {"object": EXAMPLE, "to_enterprise": 2, "reason": "sold with the line"}
    answers = {
        "201": json("Offered; proposed where the operator starts it", "已提出；由运营方发起时为 proposed", _transfer()),
        "404": problem("The identifier is not registered", "标识未注册"),
        "409": problem("Already offered, withdrawn, or something in the way", "已在转让中、已注销，或存在阻碍"),
        "422": problem("Everything wrong with the body", "请求体中的全部问题"),
    }
    summary = "Offer an identifier or a prefix to another enterprise. 将标识或前缀转让给其他企业。"
    body = object_(asked, required=["to_enterprise", "reason"], example=example)
    return operation("offerTransfer", _TAG, summary, answers | _DENIED, body=body, key=True)


def _list() -> Schema:
    page = object_({"items": list_(_transfer()), "next": or_null(WHOLE)}, required=["items", "next"])
    return operation(
        "listTransfers",
        _TAG,
        "Transfers from and to your enterprise, newest first; for operators and auditors all. 列出转让，最新在前。",
        {"200": json("A page", "一页", page), "400": problem("A parameter is wrong", "参数不正确")} | _DENIED,
        parameters=[
            query("state", _STATES, "Only in this state", "仅此状态"),
            query("before", WHOLE, "Continue before this id", "从此编号之前继续"),
            query("limit", WHOLE, "Most items", "最多返回条数"),
        ],
        key=True,
    )


def _move(move: str) -> Schema:
    summary, en, zh = _MOVES[move]
    answers = {
        "200": json(en, zh, _transfer()),
        "409": problem("Not in this state, or blocked", "状态不允许，或存在阻碍"),
    }
    return operation(f"{move}Transfer", _TAG, summary, answers | _DENIED | _UNKNOWN, parameters=[_ID], key=True)


def _transfer() -> Schema:
    side = object_({"enterprise_id": WHOLE, "name": TEXT})
    return object_(
        {
            "id": WHOLE,
            "kind": {"enum": ["identifier", "prefix"]},
            "object": TEXT,
            "prefix": TEXT,
            "from": side,
            "to": side,
            "reason": TEXT,
            "state": _STATES,
            "until": TIME,
            "created_at": TIME,
            "started_by": TEXT | said("Key id", "密钥编号"),
            "ended_at": or_null(TIME),
        },
        required=["id", "kind", "state"],
    )
