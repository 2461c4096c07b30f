#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The status page in a real browser: its figures change, channels are found,
# events of a channel are followed and published, hostile names are text, and it
# looks as it should on a phone and in the dark. The checks are in
# browser/status.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use Test::More;

Driver::need('playwright-core', browser => 1);

my $httpd = EventStream::Httpd->start(conf => <<'CONF');
EventStreamHub shop size=1m
EventStreamMaxClients 100
<LocationMatch "^/(status|read-only)$">
    SetHandler eventstream-status
    Require local
</LocationMatch>
<Location "/status">
    EventStreamStatusPublish /publish
</Location>
<LocationMatch "^/events/(?<c>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{c}"
</LocationMatch>
<LocationMatch "^/(publish|sell)$">
    SetHandler eventstream-publish
    Require local
</LocationMatch>
<Location "/sell">
    EventStreamUseHub shop
</Location>
CONF
Driver::run('status.mjs', $httpd);
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
