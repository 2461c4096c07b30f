#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A server without CAP_NET_ADMIN, as in most containers, gets small sockets. All
# clients of all children are in them at a restart, and none of them ends. Each
# has many channels with long names, so that few clients take much room.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

use constant { CLIENTS => 250, CHANNELS => 40, LENGTH => 200 };
need_descriptors(1200);

my @names = map { sprintf '%0*d', LENGTH, $_ } 1 .. CHANNELS;
my $httpd = EventStream::Httpd->start(
    without => 'net_admin', descriptors => 1200, mpm_conf => <<'MPM',
StartServers 2
ServerLimit 2
ThreadsPerChild 25
MaxRequestWorkers 50
MinSpareThreads 50
MaxSpareThreads 50
MPM
    conf => <<"CONF");
<Location "/events">
    SetHandler eventstream
    EventStreamChannel @names
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
like $httpd->error_log, qr/ES0324.* \d+ socket pair/,
    'the number of sockets is logged at start';

my @clients = map { subscribe($httpd, '/events') } 1 .. CLIENTS;
is scalar(grep { ($_->next_event(10) || {event => ''})->{event}
    eq 'stream-open' } @clients), CLIENTS, CLIENTS . ' clients open';
ok $httpd->restart, 'restart succeeds';
is publish($httpd, $names[-1], 'after')->{status}, 200, 'an event is published';
is scalar(grep { ($_->next_event(20) || {data => ''})->{data} eq 'after' }
    @clients), CLIENTS, 'all clients receive it';
is scalar(grep { $_->is_open } @clients), CLIENTS, 'on the same connections';
$_->close for @clients;
done_testing;
