#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A client that closes its half of the connection after its request still reads:
# it gets what was to be sent first, and an end that is no cut.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(
    modules => ['substitute', 'filter'], conf => <<'CONF');
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
    EventStreamReplay all
</Location>
<Location "/held">
    SetHandler eventstream
    EventStreamChannel news
    EventStreamReplay all
    SetOutputFilter SUBSTITUTE
    Substitute "s/never/ever/"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
is publish($httpd, 'news', 'hello')->{status}, 200, 'an event is published';

for my $path ('/events', '/held') {
    my $client = subscribe($httpd, $path);
    is(($client->next_event(5) || {event => ''})->{event}, 'stream-open',
        "$path: a client opens");
    is(($client->next_event(5) || {data => ''})->{data}, 'hello',
        "$path: it gets the latest event");
    shutdown $client->{socket}, 1;
    is $client->is_ended(5), 1, "$path: its stream ends, and is not cut";
    like $client->bytes, qr/\nretry: \d+\n\z/,
        "$path: its stream ends with a retry";

    # as nc -N does: before the answer begins
    $client = subscribe($httpd, $path, head => 0);
    shutdown $client->{socket}, 1;
    is $client->read_head(5) && $client->status, 200,
        "$path: one that closes its half at once gets the head";
    is $client->is_ended(5), 1, "$path: its stream is not cut, either";
    like $client->bytes, qr/^data: hello$/m,
        "$path: it gets what was to be sent first";
}
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
