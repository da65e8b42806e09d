"""Caches, change feed, commits, database and Redis."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from core.settings.declaring import setting


class StoringSettings(BaseSettings):
    """How long things are kept ready, and how long a server is waited for."""

    memory_cache_bytes: int = setting(
        256 * 1024 * 1024,
        "Records kept ready in the memory of each worker, in bytes",
        "每个工作进程在内存中缓存记录的字节数",
        ge=0,
    )
    shared_cache_ttl_seconds: int = setting(
        3600, "How long Redis keeps a record", "Redis 保留一条记录的时间（秒）", ge=1, le=86_400
    )
    negative_ttl_milliseconds: int = setting(
        500,
        "How long a worker remembers that an identifier does not exist",
        "工作进程记住“标识不存在”的时间（毫秒）",
        ge=0,
        le=2_000,
    )
    feed_interval_milliseconds: int = setting(
        250, "How often a worker reads the change feed", "工作进程读取变更流的间隔（毫秒）", ge=10, le=5_000
    )
    stale_limit_seconds: int = setting(
        3600,
        "How long cached records are still given when PostgreSQL cannot be reached",
        "数据库无法访问时，缓存中的记录最多还可应答多久（秒）",
        ge=0,
        le=86_400,
    )
    public_cache_seconds: int = setting(
        0,
        "How long caches outside the node may keep a public answer, at most; within that the TTL of the values decides, what is kept "
        "may be as old, and what others answer from it is not counted; 0: they ask each time",
        "外部缓存保留公开应答的最长时间（秒）；在此范围内以值的 TTL 为准，期间内容可能陈旧，且由其代答的解析不计数；0 表示每次都须向本节点确认",
        ge=0,
        le=86_400,
    )
    restore_grace_days: int = setting(
        30, "How long a withdrawn identifier can be restored", "注销后多少天内可以恢复", ge=0, le=3_650
    )
    lease_grace_days: int = setting(
        7, "How long after its end a lease of suffixes can still be reported, before what is left goes to others",
        "后缀租约到期后多少天内仍可补报，之后未报告的后缀归还并可分配给他人", ge=0, le=365,
    )  # fmt: skip
    group_commit_rows: int = setting(
        512, "Single registrations merged into one commit, at most", "一次提交最多合并的单个注册数", ge=1, le=10_000
    )
    database_connections: int = setting(
        8, "Connections of each worker to PostgreSQL", "每个工作进程的数据库连接数", ge=4, le=200
    )
    database_timeout_seconds: float = setting(
        5.0, "Deadline of one statement", "单条数据库语句的时限（秒）", gt=0, le=600
    )
    redis_timeout_seconds: float = setting(
        0.25, "Deadline of one Redis command", "单条 Redis 命令的时限（秒）", gt=0, le=60
    )
