#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Peers that die without closing their connection: TCP detects them, whatever
# they were doing, and the server releases all that it held for them. Peers that
# are only slow stay.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Netns;
use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Tls;

my $netns = EventStream::Netns->new;
my $has_h2 = EventStream::Httpd->has_module('http2')
    && `curl --version` =~ /^Features:.* HTTP2\b/m;

# One client of each kind is allowed, and two clients that stay reachable.
my @kinds = (qw(quiet silent busy full tls), $has_h2 ? 'h2' : ());
my $httpd = EventStream::Httpd->start(
    ssl => 1, h2 => $has_h2, modules => ['status'],
    conf => status_conf() . 'EventStreamMaxClients ' . (2 + @kinds) . <<'CONF');

EventStreamMaxHeld 1
EventStreamTurn 500ms
EventStreamSendTimeout 2
EventStreamKeepAlive 1
SendBufferSize 65536
Listen 192.0.2.1:@PORT:plain@
Listen 192.0.2.1:@PORT:tls@ https
<VirtualHost 192.0.2.1:@PORT:tls@>
    EventStreamDetachTLS off
    ServerName localhost
    SSLEngine on
    SSLCertificateFile "@CERT@"
    SSLCertificateKeyFile "@KEY@"
</VirtualHost>
<LocationMatch "^/events/(?<name>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{name}"
</LocationMatch>
# nothing is ever under way: only TCP's keep-alive finds the dead peer
<Location "/events/silent">
    EventStreamKeepAlive 0
</Location>
# it must be there still when the network fails
<Location "/events/full">
    EventStreamSendTimeout 4
</Location>
<Location "/events/patient">
    EventStreamSendTimeout 0
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# so that few bytes fill the buffers of the client that does not read
note 'the clients keep their receive buffers'
    if EventStream::Netns::fails($netns->in_client('sh', '-c',
        'echo 4096 16384 32768 > /proc/sys/net/ipv4/tcp_rmem'));

# ---- Clients in the other network ------------------------------------------

my %clients;
END {
    local $?;
    end_client($_) for keys %clients;
}

sub connect_client
{
    my ($kind) = @_;
    my $scheme = $kind eq 'tls' || over_tls() ? 'https' : 'http';
    my $port = $kind eq 'tls' ? 'tls' : 'plain';
    my $h2 = over_tls() ? '--http2' : '--http2-prior-knowledge';
    my @command = $netns->in_client('curl', '-skN',
        EventStream::Tls::curl_options(), $kind eq 'h2' ? $h2 : '--http1.1',
        "$scheme://192.0.2.1:" . $httpd->port_of($port) . "/events/$kind");
    my $pid = open my $out, '-|', @command or die "nsenter: $!";
    $clients{$kind} = {pid => $pid, out => $out};
    sysread $out, $clients{$kind}{text}, 4096;
    return $clients{$kind}{text};
}

sub end_client
{
    my ($kind) = @_;
    my $client = delete $clients{$kind} or return;
    kill KILL => $client->{pid};
    close $client->{out};
    return;
}

# Connections of the clients' network that the server has. (The children's
# descriptors would show the same, apart from connections that linger.)
sub connections
{
    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
    my $server = join '', map { sprintf '%02X', $_ } 1, 2, 0, 192;
    # A table that changes while it is read may show a connection twice.
    my %seen = map { $_ => 1 } map { /^\s*\d+: ($server:\S+ \S+) 01 / } <$in>;
    return scalar keys %seen;
}

sub wait_connections
{
    my ($count, $meanwhile) = @_;
    my $until = time + 30;
    while (connections() != $count && time < $until) {
        $meanwhile->();
        sleep 0.1;
    }
    return connections();
}

# httpd closes its own connections a little after they are over.
sub settled_descriptors
{
    my $least = descriptors($httpd);
    for (1 .. 20) {
        sleep 0.05;
        my $now = descriptors($httpd);
        $least = $now if $now < $least;
    }
    return $least;
}

my $stays = subscribe($httpd, '/events/stays');
is $stays->next_event(5)->{event}, 'stream-open',
    'a client that stays reachable opens';
my $patient = subscribe($httpd, '/events/patient', rcvbuf => 4096);
publish($httpd, 'patient', 'x' x 60000) for 1 .. 8;
is clients($httpd, 'patient'), 1,
    'a client that never reads is counted, without EventStreamSendTimeout';
my $descriptors = settled_descriptors();

# To publish in order to count clients would disturb the quiet ones: what is
# waited for is seen from outside.
for my $way (qw(drop_packets remove_address)) {
    for my $kind (@kinds) {
        like connect_client($kind), qr/^retry: \d+$/m,
            "$way: client $kind opens";
    }
    is connections(), scalar @kinds, "$way: the server has a connection each";
    is clients($httpd, $_), 1, "$way: client $_ is counted" for @kinds;
    sleep 0.2;    # acknowledged, so that nothing is under way to the silent one
    publish($httpd, 'full', 'x' x 60000) for 1 .. 8;
    $netns->$way;
    is wait_connections(0, sub { publish($httpd, 'busy', 'x') }), 0,
        "$way: the server ends all connections";
    wait_for(sub { descriptors($httpd) <= $descriptors }, 10,
        "$way: the children close their descriptors");
    is clients($httpd, $_), 0, "$way: client $_ is not counted any more"
        for @kinds;
    wait_for(sub { busy_workers($httpd) == 0 }, 10, "$way: no worker is busy");
    end_client($_) for @kinds;
    $netns->restore;
}

# ---- Other clients are served again ----------------------------------------

my @new = map { subscribe($httpd, "/events/$_") } grep { !/tls|h2/ } @kinds;
push @new, subscribe($httpd, '/events/tls', tls => 1);
push @new, subscribe($httpd, '/events/h2', http2 => 1) if $has_h2;
is scalar(grep { ($_->next_event(5) || {event => ''})->{event}
    eq 'stream-open' } @new), scalar @kinds, 'as many new clients are served';
my $over = subscribe($httpd, '/events/over');
ok $over->is_ended(5), 'one more is above EventStreamMaxClients';
ok !$_->is_ended(1) && $_->is_open, 'a held client stays longer than a turn'
    for @new[-1 - $has_h2 .. -1];
$_->close for @new;

# ---- Slow clients stay -------------------------------------------------------

is clients($httpd, 'patient'), 1,
    'the client that never reads is still counted';
is $stays->skip_to('keep-alive', 5)->{event}, 'keep-alive',
    'the client that stayed reachable receives keep-alives';
publish($httpd, 'stays', 'still');
is $stays->skip_to('message', 5)->{data}, 'still', 'it receives events';
unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'the error log has no error';
done_testing;
