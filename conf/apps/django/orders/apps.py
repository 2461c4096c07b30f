# SPDX-License-Identifier: Apache-2.0
from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = 'orders'

    def ready(self):
        from . import signals  # noqa: F401 - it connects them
