"""The line bus on RabbitMQ 3.10 to 4.x. The only package that knows pika."""

from goldenpart.worker.bus.rabbitmq.bus import RabbitBus, RabbitTimeouts

__all__ = ["RabbitBus", "RabbitTimeouts"]
