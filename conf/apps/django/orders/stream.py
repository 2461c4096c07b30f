# SPDX-License-Identifier: Apache-2.0
"""The token for the streams of a user, and publishing."""

import base64
import hashlib
import hmac
import json
import time
import urllib.parse
import urllib.request

from django.conf import settings


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=')


def token_of(user):
    """A token for what the user may hear: the own channel, and the rooms."""
    with open(settings.STREAM_KEY_FILE, 'rb') as file:
        key = file.read().strip()
    signed = b'.'.join(base64url(json.dumps(part).encode()) for part in (
        {'alg': 'HS256', 'typ': 'JWT'},
        {'sub': user.username,
         'exp': int(time.time()) + settings.STREAM_TOKEN_SECONDS,
         'eventstream': {'subscribe': [f'user-{user.username}', 'room-*']}}))
    signature = hmac.new(key, signed, hashlib.sha256).digest()
    return (signed + b'.' + base64url(signature)).decode()


def set_cookie(request, response, token):
    """Only streams get the cookie, and no script of a page can read it."""
    response.set_cookie(
        'stream_token', token, max_age=settings.STREAM_TOKEN_SECONDS,
        path='/events/', secure=request.is_secure(), httponly=True,
        samesite='Lax')


def ask_httpd(request):
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def publish(event):
    """Publish an event, or a list of events. Raises OSError if it fails."""
    return ask_httpd(urllib.request.Request(
        settings.STREAM_PUBLISH_URL, json.dumps(event).encode(),
        {'Content-Type': 'application/json'}))


def end_streams(user):
    """End the streams of a user. Raises OSError if it fails.

    Those of other browsers, which still have their token, come back at once.
    """
    query = urllib.parse.urlencode({'for': 0, 'user': user.username})
    ask_httpd(urllib.request.Request(
        f'{settings.STREAM_PUBLISH_URL}?{query}', method='DELETE'))
