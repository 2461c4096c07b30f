# SPDX-License-Identifier: Apache-2.0
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from . import stream
from .models import Order


@login_required
def index(request):
    return render(request, 'index.html')


@require_POST
@never_cache
def token(request):
    """A new token for the streams of the user; 401 without a login."""
    if not request.user.is_authenticated:
        return JsonResponse({'error': 'log in'}, status=401)
    response = JsonResponse({'expires_in': settings.STREAM_TOKEN_SECONDS})
    stream.set_cookie(request, response, stream.token_of(request.user))
    return response


@require_POST
def order(request):
    if not request.user.is_authenticated:
        return HttpResponse(status=403)
    Order.objects.create(user=request.user, dish=request.POST['dish'])
    return HttpResponse(status=204)


class Logout(LogoutView):
    def dispatch(self, request, *args, **kwargs):
        response = super().dispatch(request, *args, **kwargs)
        response.delete_cookie('stream_token', path='/events/')
        return response
