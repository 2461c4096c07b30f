# SPDX-License-Identifier: Apache-2.0
from django.conf import settings
from django.db import models


class Order(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    dish = models.CharField(max_length=100)
