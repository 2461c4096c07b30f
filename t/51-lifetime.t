#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamLifetime ends a stream cleanly after about that time, wherever it
# is served; a handover does not prolong it.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;

my $LONG = 60;    # seconds for what takes as long as this machine needs

my $httpd = EventStream::Httpd->start(
    h2 => 1,
    mpm_conf => "StartServers 2\nServerLimit 8\nThreadsPerChild 8\n"
    . "MaxRequestWorkers 64\nMinSpareThreads 8\nMaxSpareThreads 24\n",
    conf => <<'CONF');
EventStreamKeepAlive 1
<LocationMatch "^/(short|handed|long|none)$">
    SetHandler eventstream
    EventStreamChannel a
</LocationMatch>
<Location "/short">
    EventStreamLifetime 2
    EventStreamRetry 7
</Location>
<Location "/handed">
    EventStreamLifetime 10
</Location>
<Location "/long">
    EventStreamLifetime 600
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# These streams go on: they have the events that are published now.
sub stay
{
    my ($name, @clients) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    publish($httpd, 'a', $name);
    for my $client (@clients) {
        my $event;
        1 while $event = $client->skip_to('message', $LONG)
            and $event->{data} ne $name;
        ok $event, $name;
    }
    return;
}

my @short = map { subscribe($httpd, '/short') } 1 .. 20;
my $http10 = subscribe($httpd, '/short', version => '1.0');
my $held = subscribe($httpd, '/short', http2 => 1);
my $handed = subscribe($httpd, '/handed');
my $long = subscribe($httpd, '/long');
my $none = subscribe($httpd, '/none');
publish($httpd, 'a', 'hello');

for my $client (@short) {
    ok $client->is_ended($LONG), 'a stream ends cleanly after its lifetime'
        or last;
}
is scalar(grep { $_->bytes =~ /retry: ?7000\n\z/ } @short), 20,
    'they end with the value of EventStreamRetry';
is scalar(grep { my @got = $_->events(3, 1); @got == 2 || @got == 3 ||
    grep { $_->{data} eq 'hello' } @got } @short), 20,
    'they received the event';
ok $http10->is_ended($LONG), 'a stream over HTTP/1.0 ends after its lifetime';
ok $held->is_ended($LONG), 'a held stream ends after its lifetime';
stay('a stream with a longer lifetime or none stays', $long, $none);

# not all at once: each up to a fifth earlier or later
my @when;
my $from = time;
@short = map { subscribe($httpd, '/short') } 1 .. 30;
while (time - $from < $LONG && @when < 30) {
    for my $client (grep { $_->is_open } @short) {
        $client->fill(0.001);
        push @when, time - $from if !$client->is_open;
    }
}
is scalar(@when), 30, 'all streams end';
cmp_ok $when[-1] - $when[0], '>', 0.2, 'they do not end at the same time';
cmp_ok $when[0], '>', 1.5, 'no stream ends too early';

# A client is handed over with the rest of its lifetime: how much that is has
# t/unit/deliver/client_state.
my $log = $httpd->log_size;
$httpd->graceful;
wait_for(sub { $httpd->error_log($log) =~ /ES0322/ }, 10,
    'children hand over their clients at graceful');
ok $handed->is_ended($LONG), 'a stream that is handed over ends, too';
stay('a handover ends no stream with a longer lifetime or none', $long, $none);
done_testing;
