"""Logs in the way that the variable WAY names, as plugins' authors set it up, while it is imported."""

import logging
import logging.config
import os
import sys


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no picture of me")


def extra():
    logger = logging.getLogger("shop.orders")
    logger.warning("sold %d\nin two lines", 3, extra={"order": 17, "tags": ["new", None], "who": {"id": 1.5}})
    try:
        raise ValueError("the cupboard is bare")
    except ValueError:
        logger.exception("failed")


def unserialisable():
    loop = []
    loop.append(loop)
    odd = {"self": loop, "no": Unshowable(), "inf": float("inf"), "big": 10**40, "huge": 10**9999, "bytes": b"\xff"}
    logging.error("odd", extra={**odd, "surrogate": "\udcff", "long": "x" * 100_000, "many": list(range(100_000))})
    logging.error("bad %d", "arguments")
    logging.error("after")


def basic_config():
    logging.basicConfig(force=True)
    logging.getLogger("shop").warning("plain", extra={"order": 1})


def dict_config():
    console = {"class": "logging.StreamHandler", "formatter": "short"}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"short": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
            "handlers": {"console": console},
            "loggers": {"django": {"handlers": ["console"], "propagate": False}},
        }
    )
    logging.getLogger("django").error("by its own handler")
    logging.getLogger("shop").error("by the root's", extra={"order": 1})


def own_handler():
    logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
    logging.error("once")


def structlog_default():
    import structlog

    structlog.get_logger().warning("stock is low", item="ball", left=2)


def structlog_coloured():
    import structlog

    stamp, level = structlog.processors.TimeStamper("iso"), structlog.processors.add_log_level
    structlog.configure(processors=[level, stamp, structlog.dev.ConsoleRenderer(colors=True)])
    structlog.get_logger().error("stock is low", item="ball")


def structlog_json():
    import structlog

    processors = structlog.processors
    structlog.configure(
        processors=[
            processors.add_log_level,
            processors.TimeStamper("iso"),
            processors.format_exc_info,
            processors.JSONRenderer(),
        ]
    )
    try:
        raise ValueError("the cupboard is bare")
    except ValueError:
        structlog.get_logger().exception("stock is low", item="ball", left=[2])


def structlog_stdlib(last):
    import structlog

    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.add_log_level, last],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    try:
        raise ValueError("the cupboard is bare")
    except ValueError:
        structlog.get_logger("shop").exception("stock is low", item="ball", left=[2])


def structlog_kwargs():
    import structlog

    structlog_stdlib(structlog.stdlib.render_to_log_kwargs)


def structlog_formatter():
    import structlog

    structlog_stdlib(structlog.stdlib.ProcessorFormatter.wrap_for_formatter)


def burst():
    logger = logging.getLogger("shop")
    for number in range(10_000):
        logger.info("a request was answered", extra={"number": number, "path": "/orders", "status": 200})


globals()[os.environ["WAY"]]()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})
