"""The line worker: camera frames in, PASS or FAIL events out, over RabbitMQ."""
