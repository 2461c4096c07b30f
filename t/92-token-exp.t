#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The exp of a token ends its stream cleanly, wherever it is served, and not
# before; with a new token the client goes on where it was.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Token;

my $LONG = 60;    # seconds for what takes as long as this machine needs

my $dir = File::Temp->newdir;
chmod 0755, "$dir";
my $secret = 'secret-0123456789abcdef0123456789abcdef';
EventStream::Httpd::spew("$dir/key", "$secret\n");
chmod 0600, "$dir/key";

my $httpd = EventStream::Httpd->start(
    h2 => 1, modules => [qw(authz_user)],
    mpm_conf => "StartServers 2\nServerLimit 8\nThreadsPerChild 8\n"
    . "MaxRequestWorkers 64\nMinSpareThreads 8\nMaxSpareThreads 24\n",
    conf => <<"CONF");
EventStreamKeepAlive 1
EventStreamRetry 7
<LocationMatch "^/(stream|life|leeway|any|user)\\b">
    SetHandler eventstream
    EventStreamChannel a
    EventStreamToken key=file:$dir/key leeway=0
    Require eventstream-token
</LocationMatch>
<Location "/life">
    EventStreamLifetime 600
</Location>
<Location "/leeway">
    EventStreamToken key=file:$dir/key leeway=3
</Location>
<Location "/any">
    Require all granted
</Location>
<Location "/user">
    Require valid-user
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub until_s
{
    my ($exp, @sub) = @_;
    return bearer(token($secret, {@sub, eventstream => {subscribe => ['a']},
        $exp ? (exp => $exp) : ()}));
}

sub stream
{
    my ($path, $exp, %opt) = @_;
    return subscribe($httpd, $path, %opt, headers => [until_s($exp,
        $path eq '/user' ? (sub => 'ann') : ()), @{$opt{headers} || []}]);
}

# opened($make): the streams that $make opens until an exp, and the exp; a
# machine that takes longer than that to open them gets a later one
sub opened
{
    my ($make) = @_;
    for my $seconds (3, 10, 30) {
        my $exp = int(time) + $seconds;
        my %client = $make->($exp);
        return ($exp, %client) if !grep { $_->status != 200 } values %client;
    }
    die 'no stream within 30 s';
}

# A token without exp, and one that is asked for nothing: their streams go on.
my %stays = (none => stream('/stream'), any => stream('/any', int(time) + 2));

my ($exp, %client) = opened(sub {
    my ($exp) = @_;
    return (
        detached => stream('/stream', $exp),
        'over HTTP/1.0' => stream('/stream', $exp, version => '1.0'),
        held => stream('/stream', $exp, http2 => 1),
        'with a lifetime' => stream('/life', $exp),
        'with a leeway' => stream('/leeway', $exp - 3),
        'of a user' => stream('/user', $exp),
    );
});
publish($httpd, 'a', 'before');
for my $name (sort keys %client) {
    my $client = $client{$name};
    is $client->status, 200, "a stream $name";
    ok $client->is_ended($LONG), "$name: it ends cleanly";
    cmp_ok time, '>=', $exp, "$name: not before exp";
    my @events = grep { $_->{event} eq 'message' } $client->events(9, 1);
    is scalar(grep { $_->{data} eq 'before' } @events), 1,
        "$name: with the event of before";
    is $client->retry, 7000, "$name: and with the time to reconnect";
}

# The old token gets 401, a new one what was missed.
is stream('/stream', $exp)->status, 401, 'the old token gets 401';
publish($httpd, 'a', 'between');
my $again = stream('/stream', int(time) + 600, headers => ['Last-Event-ID: '
    . $client{detached}->last_id]);
is $again->skip_to('message', $LONG)->{data}, 'between',
    'a new token gets what was published meanwhile';

# A handover does not prolong it.
my ($later, undef, $handed) = opened(sub {
    return (one => stream('/stream', $_[0]));
});
is $handed->next_event($LONG)->{event}, 'stream-open', 'a client';
my $log = $httpd->log_size;
$httpd->graceful;
wait_for(sub { $httpd->error_log($log) =~ /ES0322/ }, 20,
    'children hand over their clients at graceful');
ok $handed->is_ended($LONG), 'a stream that is handed over ends';
cmp_ok time, '>=', $later, 'not before exp';

publish($httpd, 'a', 'last');
for my $name (sort keys %stays) {
    my $event;
    1 while $event = $stays{$name}->skip_to('message', $LONG)
        and $event->{data} ne 'last';
    ok $event, "$name: the stream goes on";
}
is $httpd->faults // '', '', 'the shared memory is consistent';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
