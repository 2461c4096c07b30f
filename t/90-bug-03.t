#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A proxy whose name was looked up without end kept all others waiting: libcurl
# looks it up in a thread of its own, but waited for that thread when the post
# was given up, and the courier with it.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;

my $proxy = EventStream::FakeProxy->start;
my $httpd = EventStream::Httpd->start(
    preload => EventStream::Httpd::builddir()
        . '/t/names/.libs/stuckname.so',
    conf => <<"CONF");
EventStreamHub other size=8m
EventStreamGrip "http://stuck.test:1"
EventStreamGripTimeout 1
EventStreamGrip hub=other "@{[$proxy->url]}"
EventStreamGripTimeout hub=other 10
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/other">
    SetHandler eventstream-publish
    EventStreamUseHub other
</Location>
CONF

# Twice the time of a post, a third of what the lookup takes: with the first
# answers the posts to stuck.test have been given up.
for my $number (1 .. 3) {
    is publish($httpd, 'a', $number)->{status}, 502, 'one is not found';
    is publish($httpd, 'a', $number, path => '/other')->{status}, 200,
        '... and does not keep the other one waiting';
}
is scalar(my @items = $proxy->items), 3, 'which has got all';
like $httpd->error_log, qr/ES0630: .*stuck\.test/, 'the log tells of the first';
is $httpd->stop, 0, 'httpd stops';
unlike $httpd->error_log, qr/ES0635/, 'without waiting for it, too';
done_testing;
