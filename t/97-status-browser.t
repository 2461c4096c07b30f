#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The status page in real browsers: its figures change, channels are found,
# events of a channel are followed and published, hostile names are text, and it
# looks as it should on a phone and in the dark. The checks are in
# browser/status.mjs, for Chromium, and browser/status-firefox.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use Test::More;

Driver::need('playwright-core', browser => 1);

my $httpd = EventStream::Httpd->start(conf => <<'CONF');
EventStreamHub shop size=1m
EventStreamGrip hub=shop http://127.0.0.1:@PORT:nobody@/
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
my $full = EventStream::Httpd->start(conf => join '', <<'CONF',
<Location "/status">
    SetHandler eventstream-status
    Require local
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
    map { "EventStreamHub hub-$_ size=256k\n" } 1 .. 63);
Driver::run('status.mjs', $httpd, $httpd->url, $full->url);
SKIP: {
    my $reason = Driver::lacking('playwright-core', firefox => 1);
    skip $reason, 1 if $reason;
    Driver::run('status-firefox.mjs', $httpd);
}
is $_->stop, 0, 'httpd stops with exit status 0' for $httpd, $full;
done_testing;
