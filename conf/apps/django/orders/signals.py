# SPDX-License-Identifier: Apache-2.0
"""What is saved is published once the database has it; a logout ends streams."""

import logging

from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from . import stream
from .models import Order

logger = logging.getLogger(__name__)


def publish(order):
    # The order is stored; that pages do not show it yet is no reason to fail.
    try:
        stream.publish({
            'channel': [f'user-{order.user.username}', 'room-kitchen'],
            'event': 'order',
            'data': {'id': order.pk, 'dish': order.dish}})
    except OSError:
        logger.exception('order %s is not published', order.pk)


@receiver(post_save, sender=Order)
def on_saved(instance, **kwargs):
    transaction.on_commit(lambda: publish(instance))


@receiver(user_logged_out)
def on_logged_out(user, **kwargs):
    if user is not None:
        try:
            stream.end_streams(user)
        except OSError:
            logger.exception('the streams of %s go on', user)
