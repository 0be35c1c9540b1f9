"""The whole line to look at: RabbitMQ, server, worker, cameras and gateway, one command. ``python -m goldenpart.worker.demo``."""
