#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A proxy whose host name was looked up without end blocked all others: libcurl
# looks it up in a thread of its own, but waited for that thread when the post
# was given up, and the sender thread waited with it.

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

# Twice the time of a post, a third of the time of the lookup: with the first
# answers the posts to stuck.test have been given up.
for my $number (1 .. 3) {
    is publish($httpd, 'a', $number)->{status}, 502,
        'a proxy whose name is not found is 502';
    is publish($httpd, 'a', $number, path => '/other')->{status}, 200,
        'it does not delay the other proxy';
}
is scalar(my @items = $proxy->items), 3, 'the other proxy has all events';
wait_for(sub { $httpd->error_log =~ /ES0630.*stuck\.test/ }, 10,
    'the failure is logged with the name');
is $httpd->stop, 0, 'httpd stops with exit status 0';
unlike $httpd->error_log, qr/ES0635/, 'the sender thread ends in time';
done_testing;
