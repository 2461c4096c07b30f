#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The rows of docs/directives.md#limits, one after the other: at the limit, over
# it and back under it; what those over it get, and that mod_status, the metrics
# and the status page count it. A client over a limit gets 200, what it has
# missed, retry: and a clean end. 00-limits.t compares rows and tests: those of
# 45-http2-asks.t and 87-grip-sources.t need more than is here.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP qw(decode_json);
use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Presence qw(who);

my $conf = status_conf() . <<'CONF';
EventStreamKeepAlive 200ms
EventStreamKeepAliveForm comment
EventStreamRetry 2
EventStreamDrain 1
<LocationMatch "^/(events|held|present)$">
    SetHandler eventstream
    EventStreamChannel "{?c}" "news"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/metrics">
    SetHandler eventstream-metrics
    Require local
</Location>
<Location "/status">
    SetHandler eventstream-status
    Require local
</Location>
CONF
my $httpd;

# ---- What is counted -------------------------------------------------------

# In mod_status, the metrics and the stream of the status page.
sub counts
{
    my ($key) = @_;
    my ($status) = get($httpd, '/server-status?auto')->{body} =~
        /^EventStream\.Reached\.$key: (\d+)$/m;
    my ($metric) = get($httpd, '/metrics')->{body} =~
        /^eventstream_limit_reached_total\{limit="$key"\} (\d+)$/m;
    return map { $_ // 'none' } $status, $metric;
}

# The status page has the same numbers as mod_status. It has a stream itself, so
# it is asked when no limit is reached any more.
sub page_agrees
{
    my (@keys) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $page = subscribe($httpd, '/status',
        headers => ['Accept: text/event-stream']);
    my $summary = $page->skip_to('summary', 10);
    my %reached = map { $_->{name} => $_->{reached} }
        @{decode_json($summary ? $summary->{data} : '{"limits":[]}')
            ->{limits}};
    for my $key (@keys) {
        my $name = $key eq 'OpenFiles' ? "the child's open files"
            : "EventStream$key";
        is $reached{$name}, (counts($key))[0],
            "$key: the status page counts it, too";
    }
    return;
}

# row($key, at => sub, over => sub, back => sub): each returns true for what it
# should see. What is tried until it succeeds may be counted more than once.
sub row
{
    my ($key, %try) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = (counts($key))[0];
    ok $try{at}->(), "$key: at the limit";
    is join(' ', counts($key)), "$before $before", "$key: is not counted";
    ok $try{over}->(), "$key: over the limit";
    $before++;
    is join(' ', counts($key)), "$before $before",
        "$key: mod_status and the metrics count it";
    ok wait_for($try{back}, 60), "$key: back under the limit";
    return;
}

# ---- Clients ---------------------------------------------------------------

# A client whose stream is still open at its first keep-alive; undef: it ended.
sub stays
{
    my ($query, %options) = @_;
    my $path = delete $options{path} || '/events';
    my $client = subscribe($httpd, "$path?$query", %options);
    $client->next_event(5);
    until ($client->comments) {
        $client->is_open && $client->fill(60) or return;
        $client->next_event(0);
    }
    return $client;
}

sub stay { return scalar grep { $_ } @_ }

my ($first, $missed);    # ids of two events of the channel news

# Is a client that comes back with an id sent away, with what it has missed?
sub is_sent_away
{
    my ($query, %options) = @_;
    my @headers = @{delete $options{headers} || []};
    my $client = subscribe($httpd, ($options{path} || '/events') . "?$query",
        headers => ["Last-Event-ID: $first", @headers], %options);
    my $is_ended = $client->is_ended(10);
    my @events = map { $client->next_event(0) || () } 1 .. 3;
    my $seen = join ' ', map { $_->{event} . ':' . ($_->{data} // '') } @events;
    return 1 if $client->status == 200 && $is_ended
        # the end may have the present position, in an event without data
        && $seen =~ /^stream-open: message:missed(?: message:)?\z/
        && ($options{keeps_position} || ($events[1]{id} // '') eq $missed)
        && $client->bytes =~ /\nretry: \d+\n\z/;
    diag $client->status, " $is_ended $seen ", $client->bytes;
    return 0;
}

sub two_events
{
    $first = publish($httpd, 'news', 'seen')->{json}{id};
    $missed = publish($httpd, 'news', 'missed')->{json}{id};
    return;
}

# ann and bob, password "secret"
my $hash = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';
$httpd = EventStream::Httpd->start(
    modules => [qw(status auth_basic authn_file authz_user)],
    files => {'users' => "ann:$hash\nbob:$hash\n"}, conf => $conf . <<'CONF');
<Location "/private">
    SetHandler eventstream
    EventStreamChannel "news"
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</Location>
EventStreamMaxClientsPerUser 2
EventStreamMaxClients 6
EventStreamMaxClientsPerAddress 2
EventStreamMaxChannelsPerAddress 20
EventStreamMaxChannels 32
CONF
two_events();
my @clients;

# A client that has gone counts for the limits a moment longer than for its
# channel.
sub all_leave
{
    $_->close for @clients;
    return wait_for(sub {
        return clients($httpd, 'news') == 0
            && get($httpd, '/server-status?auto')->{body}
                =~ /^EventStream\.Clients: 0$/m;
    }, 30);
}

row('MaxClientsPerAddress',
    at => sub { @clients = map { stays('c=a') } 1, 2; stay(@clients) == 2 },
    over => sub { is_sent_away('c=a') },
    back => sub { (shift @clients)->close if @clients == 2;
        push @clients, stays('c=a') || return; return 1 });
row('MaxClients',
    at => sub { push @clients, map { stays('c=a', from => "127.0.0.$_") }
        2, 2, 3, 3; stay(@clients) == 6 },
    over => sub { is_sent_away('c=a', from => '127.0.0.4') },
    back => sub { (shift @clients)->close if @clients == 6;
        push @clients, stays('c=a', from => '127.0.0.4') || return;
        return 1 });
all_leave();

# each from another address
sub of
{
    my ($user, $address) = @_;
    return (path => '/private', from => "127.0.0.$address",
        headers => ['Authorization: Basic '
            . encode_base64("$user:secret", '')]);
}

row('MaxClientsPerUser',
    at => sub { @clients = map { stays('', of('ann', $_)) } 5, 6;
        stay(@clients) == 2 },
    over => sub { is_sent_away('', of('ann', 7)) },
    back => sub { my $other = stays('', of('bob', 7)) or return;
        (shift @clients)->close if @clients == 2;
        push @clients, stays('', of('ann', 8)) || return; return 1 });
all_leave();

# with "news" each has one channel more than its query
my $many = join '&', map { "c=x$_" } 1 .. 19;
row('MaxChannelsPerAddress',
    at => sub { @clients = stays($many); stay(@clients) == 1 },
    over => sub { is_sent_away('c=x1') },
    back => sub { (shift @clients)->close if @clients;
        push @clients, stays('c=x1') || return; return 1 });
all_leave();

# Publishers have a reserve of a sixteenth. The channel "news" counts for it, as
# it retains events.
my ($half, $rest) = map { join '&', map { "c=y$_" } @$_ } [1 .. 19], [20 .. 30];
row('MaxChannels',
    at => sub { @clients = (stays($half), stays($rest, from => '127.0.0.2'));
        stay(@clients) == 2 },
    over => sub {
        my $client = subscribe($httpd, '/events?c=z', from => '127.0.0.3');
        my $is_ended = $client->is_ended(10);
        return 1 if $client->status == 200 && $is_ended
            && !defined $client->next_event(0)->{id};
        diag $client->status, " $is_ended ", $client->bytes;
        return 0;
    },
    back => sub { (pop @clients)->close if @clients == 2;
        push @clients, stays('c=z', from => '127.0.0.3') || return;
        return 1 });
all_leave();
page_agrees(qw(MaxClients MaxClientsPerAddress MaxClientsPerUser
    MaxChannelsPerAddress MaxChannels));
undef $httpd;

# ---- A child ---------------------------------------------------------------

my $files = 256;
my $most = $files * 3 / 4;    # clients of a child
$httpd = EventStream::Httpd->start(
    modules => [qw(status substitute)], descriptors => $files,
    user => 'daemon', mpm_conf => <<'MPM',
StartServers 1
ServerLimit 1
ThreadsPerChild 10
MaxRequestWorkers 10
MinSpareThreads 1
MaxSpareThreads 10
MPM
    conf => $conf . <<'CONF');
EventStreamMaxHeld 2
EventStreamMaxPresence 3
<Location "/held">
    SetOutputFilter SUBSTITUTE
</Location>
<Location "/present">
    EventStreamPresence on "name=%{HTTP:X-User}"
</Location>
CONF
two_events();

row('MaxHeld',
    at => sub { @clients = map { stays('c=a', path => '/held') } 1, 2;
        stay(@clients) == 2 },
    over => sub { is_sent_away('c=a', path => '/held') },
    back => sub { (shift @clients)->close if @clients == 2;
        push @clients, stays('c=a', path => '/held') || return; return 1 });
$_->close for @clients;

# Who has no row is served, but not counted.
sub present
{
    my ($name, $query) = @_;
    return stays($query || '', path => '/present',
        headers => ["X-User: $name"]);
}

sub names { return join ' ', sort keys %{who($httpd, 'news') || {}} }

sub has_names
{
    my ($names) = @_;
    return wait_for(sub { names() eq $names }, 30);
}

row('MaxPresence',
    at => sub { @clients = map { present($_) } qw(ada bob cyd);
        stay(@clients) == 3 && has_names('ada bob cyd') },
    over => sub { push @clients, present('dan');
        stay(@clients) == 4 && names() eq 'ada bob cyd' },
    back => sub {
        (shift @clients)->close if @clients == 4;
        return if names() =~ /ada/;    # after its grace
        my $client = present('eve');
        return names() eq 'bob cyd eve' && push @clients, $client;
    });
all_leave();

row('OpenFiles',
    at => sub {
        @clients = map { subscribe($httpd, '/events?c=a') } 1 .. $most;
        return !grep { !$_->next_event(10) || !$_->is_open } @clients;
    },
    over => sub { is_sent_away('c=a') },
    back => sub { (shift @clients)->close if @clients == $most;
        push @clients, stays('c=a') || return; return 1 });
all_leave();
page_agrees(qw(MaxHeld MaxPresence OpenFiles));
undef $httpd;

# ---- Requests --------------------------------------------------------------

$httpd = EventStream::Httpd->start(modules => ['status'], conf => $conf
    . <<'CONF');
EventStreamMaxChannelsPerClient 3
<Location "/publish">
    EventStreamMaxEventSize 100
    EventStreamMaxBody 1000
</Location>
<Location "/rated">
    SetHandler eventstream-publish
    EventStreamPublishRate 60/min burst 30
</Location>
CONF

sub status { return publish($httpd, 'a', @_)->{status} }

row('MaxChannelsPerClient',
    at => sub { subscribe($httpd, '/events?c=1&c=2')->status == 200 },
    over => sub { get($httpd, '/events?c=1&c=2&c=3')->{status} == 400 },
    back => sub { subscribe($httpd, '/events?c=1')->status == 200 });
row('MaxEventSize', at => sub { status('x' x 100) == 200 },
    over => sub { status('x' x 101) == 413 },
    back => sub { status('x' x 99) == 200 });
my $array = sub { return sprintf '[%s]%s', '{"channel":"a","data":1}',
    ' ' x ($_[0] - 26) };
my @json = (headers => ['Content-Type: application/json']);
row('MaxBody',
    at => sub { request($httpd, 'POST', '/publish', @json,
        body => $array->(1000))->{status} == 200 },
    over => sub { request($httpd, 'POST', '/publish', @json,
        body => $array->(1001))->{status} == 413 },
    back => sub { request($httpd, 'POST', '/publish', @json,
        body => $array->(999))->{status} == 200 });
# An event is given back each second: 30 of them are not there again so soon,
# and one is, after a while.
my @events = (@json, body => '['
        . join(',', ('{"channel":"a","data":1}') x 30) . ']');
row('PublishRate',
    at => sub { request($httpd, 'POST', '/rated', @events)->{status} == 200 },
    over => sub { request($httpd, 'POST', '/rated', @events)->{status} == 429 },
    back => sub { publish($httpd, 'a', 'x', path => '/rated')->{status}
        == 200 });
page_agrees(qw(MaxChannelsPerClient MaxEventSize MaxBody PublishRate));

done_testing;
