"""Orders of the national top level."""

from __future__ import annotations

from node.openapi.parts import TEXT, TIME, Schema, json, list_, object_, operation, path_parameter


def takeover() -> Schema:
    document = {"type": "object"}
    sent = {
        "type": "object",
        "required": ["format", "kind", "sln", "orderId", "signatures"],
        "properties": {"format": TEXT, "kind": TEXT, "sln": TEXT, "orderId": TEXT, "signatures": {"type": "array"}},
        "examples": [
            {"format": "idis-ops/1", "kind": "takeover-order", "sln": "88.118", "orderId": "TK-1", "signatures": []}
        ],
    }
    status = object_(
        {
            "format": TEXT,
            "kind": TEXT,
            "orderId": TEXT,
            "sln": TEXT,
            "state": TEXT,
            "since": TIME,
            "history": list_(object_({"state": TEXT, "at": TIME})),
        }
    )
    wrong = object_({"format": TEXT, "kind": TEXT, "code": TEXT, "title": TEXT, "retry": {"type": "boolean"}})
    refused = {
        "400": json("Not such a document", "报文不符合格式", wrong),
        "401": json("Not signed by a pinned key of the top level", "未由已登记的国家顶级节点密钥签名", wrong),
        "404": json("No such order", "命令不存在", wrong),
        "409": json("Another order is open, or its state forbids it", "另有未结束的命令，或状态不允许", wrong),
    }
    order = [path_parameter("order", "Number of the order", "命令编号")]
    receive = operation(
        "receiveTakeoverOrder",
        "Operation 运维",
        "A signed order by which the top level takes resolution over (`idis-ops/1`); registration is frozen from then on. "
        "接收国家顶级节点签名的接管命令（`idis-ops/1`）；生效后注册冻结。",
        {
            "200": json("Countersigned acceptance, or refusal", "会签后的接受或拒绝", document),
            "202": json("Waits for an operator", "等待运营人员确认", status),
            **{code: refused[code] for code in ("400", "401", "409")},
        },
        body=sent,
    )
    read = operation(
        "readTakeoverOrder",
        "Operation 运维",
        "How an order stands. 命令状态。",
        {"200": json("State and history", "状态与经过", status), "401": refused["401"], "404": refused["404"]},
    )
    back = operation(
        "handBackTakeover",
        "Operation 运维",
        "A signed offer to hand resolution back; taken when nothing differs, with what the top level changed meanwhile. Send it "
        "again for the outcome. 接收签名的交还请求；数据一致后恢复，并写入接管期间的变更；重发同一请求以取得结果。",
        {
            "200": json("Countersigned answer", "会签后的答复", document),
            "202": json("Is being compared", "正在核对", status),
            **refused,
        },
        body=sent,
    )
    for one in (read, back):
        one["parameters"] = order
    return {
        "/ntln/v1/takeover/orders": {"post": receive},
        "/ntln/v1/takeover/orders/{order}": {"get": read},
        "/ntln/v1/takeover/orders/{order}/handback": {"post": back},
    }
