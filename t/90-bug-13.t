#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A restart cut a stream now and then: 1 of 15,522. At an ungraceful restart
# httpd closes the sockets of its workers while they serve. If that was between
# the head and the copy of the descriptor, there was nothing to copy.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();

use EventStream::Client;
use EventStream::Httpd;

# Children that run as another user look for the file here, and remove it.
my $dir = File::Temp::tempdir('es-restart-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0777, $dir;
my $file = "$dir/restart";

for my $mpm (qw(worker event)) {
    my $httpd = EventStream::Httpd->start(
        mpm => $mpm, env => {ES_RESTART_FILE => $file},
        preload => EventStream::Httpd::builddir()
            . '/t/signals/.libs/restartinwrite.so',
        conf => <<'CONF');
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
    my $client = EventStream::Client->connect($httpd->port);
    $client->send("OPTIONS /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ok $client->read_head(10), "$mpm: a client connects";
    # so that the worker's next write is the head of a stream, over TLS, too
    open my $out, '>', $file or die "$file: $!";
    close $out or die $!;
    $client->send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    @$client{qw(framing status ended)} = ('http', 0, 0);
    $client->read_head(10);
    is $client->status, 200, "$mpm: it gets the head of a stream";
    wait_for(sub { !-e $file }, 10, "$mpm: its worker waits behind that");
    ok $httpd->restart, "$mpm: restart";
    is $client->next_event(10)->{event}, 'stream-open',
        "$mpm: the stream has opened";
    publish($httpd, 'news', 'hello');
    is +($client->next_event(10) || {data => 'nothing'})->{data}, 'hello',
        "$mpm: it goes on";
    ok $client->is_open, "$mpm: it is not cut";
    unlike $httpd->error_log, qr/ES0340/, "$mpm: nothing has failed";
}

done_testing;
