#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each hub is a name space of its own, and its journal is kept over every
# restart, though not over a full stop. t/52-migrate.t tests hubs that change or
# are removed.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $conf = <<'CONF';
EventStreamHub shop size=1m
EventStreamHub default size=2m
EventStreamDrain 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
    EventStreamRetry 10ms
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<LocationMatch "^/shop/">
    EventStreamUseHub shop
</LocationMatch>
<Location "/shop/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/shop/publish">
    SetHandler eventstream-publish
</Location>
Listen 127.0.0.1:@PORT:vhost@
<VirtualHost 127.0.0.1:@PORT:vhost@>
    EventStreamUseHub shop
    <Location "/own">
        EventStreamUseHub default
    </Location>
    <Location "/own/events">
        SetHandler eventstream
        EventStreamChannel news
    </Location>
</VirtualHost>
Listen 127.0.0.1:@PORT:plain@
<VirtualHost 127.0.0.1:@PORT:plain@>
</VirtualHost>
CONF

my $httpd = EventStream::Httpd->start(conf => $conf);
my $vhost = $httpd->port_of('vhost');

sub opened
{
    my ($where, $path, @headers) = @_;
    my $client = subscribe($where, $path, headers => \@headers);
    $client->next_event(5);
    return $client;
}

sub order
{
    my ($id) = @_;
    return sprintf '%020d-%020d', split /-/, $id;
}

# ---- One name space each ---------------------------------------------------

my %client = (
    default => opened($httpd, '/events'),
    shop => opened($httpd, '/shop/events'),
    vhost => opened($vhost, '/events'),
    own => opened($vhost, '/own/events'),
    plain => opened($httpd->port_of('plain'), '/events'),
);

sub received_by
{
    my ($text) = @_;
    my @received;
    for my $name (sort keys %client) {
        my $event = $client{$name}->next_event(
            $text eq 'to shop' ? $name =~ /shop|vhost/ ? 5 : 0.1
            : $name =~ /shop|vhost/ ? 0.1 : 5);
        push @received, $name if $event && $event->{data} eq $text;
    }
    return "@received";
}

my $answer = publish($httpd, 'news', 'to default');
is $answer->{json}{clients}, 3, 'the answer counts the clients of its hub';
is received_by('to default'), 'default own plain',
    'all virtual hosts share the default hub unless they name another';
$answer = publish($httpd, 'news', 'to shop', path => '/shop/publish');
is $answer->{json}{clients}, 2, 'clients of another hub are counted apart';
is received_by('to shop'), 'shop vhost',
    'an event reaches the clients of its hub only';
is publish($vhost, 'news', 'to shop')->{json}{clients}, 2,
    'a virtual host publishes into its hub';
is received_by('to shop'), 'shop vhost',
    'its event reaches the clients of that hub';

is publish($httpd, 'news', 'to default', id => 'same')->{status}, 200,
    'an event with its publisher\'s id is published';
is received_by('to default'), 'default own plain',
    'it reaches the clients of its hub';
is publish($httpd, 'news', 'to shop', id => 'same', path => '/shop/publish')
    ->{status}, 200, 'the same id may be used in another hub';
is received_by('to shop'), 'shop vhost',
    'that event reaches the clients of the other hub';

# Events of one hub do not move another: the ring of shop wraps around here.
my $before = opened($httpd, '/events')->last_id;
publish($httpd, 'other', 'x' x 60000, path => '/shop/publish') for 1 .. 40;
is opened($httpd, '/events')->last_id, $before,
    'the position of a hub moves by its own events only';
$_->close for values %client;

# ---- Restarts --------------------------------------------------------------

# The segment is the same, so ids go on rising and events stay.
for my $how (qw(graceful restart graceful)) {
    my $old = opened($httpd, '/events');
    my $id = publish($httpd, 'news', "before $how")->{json}{id};
    is $old->next_event(5)->{data}, "before $how",
        "an event is delivered before $how";
    my @children = $httpd->children;
    $httpd->$how;
    ok $httpd->is_alive, "httpd runs after $how";
    my $new = opened($httpd, '/events');
    cmp_ok order($new->last_id), 'ge', order($id),
        "the position is not lower after $how";
    my $after = publish($httpd, 'news', "after $how");
    is $after->{status}, 200, "publishing works after $how";
    cmp_ok order($after->{json}{id}), 'gt', order($id),
        "ids go on rising over $how";
    is $new->next_event(5)->{data}, "after $how",
        "an event is delivered after $how";
    $_->close for $old, $new;
    ok $httpd->wait_for(
        sub {
            my %now = map { $_ => 1 } $httpd->children;
            return !grep { $now{$_} } @children;
        }, 15), "the old children exit after $how";
}

# The journal is kept, not only the clock: a publisher's id from before graceful
# is still known.
is publish($httpd, 'news', 'once', id => 'mine')->{status}, 200,
    "an event with its publisher's id is accepted";
my $mine = publish($httpd, 'news', 'once', id => 'mine');
$httpd->graceful;
is_deeply publish($httpd, 'news', 'once', id => 'mine')->{json}{id},
    $mine->{json}{id}, 'the id is known after graceful'
    if $mine->{json} && $mine->{json}{id} eq 'mine';

# ---- A hub comes, another one changes --------------------------------------

(my $changed = $conf) =~ s/shop size=1m/shop size=3m\nEventStreamHub third/;
$changed .= <<'CONF';
<Location "/third/events">
    SetHandler eventstream
    EventStreamUseHub third
    EventStreamChannel news
</Location>
<Location "/third/publish">
    SetHandler eventstream-publish
    EventStreamUseHub third
</Location>
CONF
my $from = $httpd->log_size;
$httpd->rewrite_conf($changed);
$httpd->graceful;
like $httpd->error_log($from),
    qr/\[eventstream:notice\].*ES0002: hub shop keeps/,
    'a hub keeps its size at graceful, with a notice';
my $third = wait_for(
    sub {
        my $client = subscribe($httpd, '/third/events');
        return $client->status == 200 ? $client : undef;
    }, 5, 'a new hub is usable after graceful');
$third->next_event(5);
is publish($httpd, 'news', 'x', path => '/third/publish')->{json}{clients}, 1,
    'the new hub has clients of its own';
is $third->next_event(5)->{data}, 'x', 'the new hub delivers';
my $shop = opened($httpd, '/shop/events');
publish($httpd, 'news', 'y', path => '/shop/publish');
is $shop->next_event(5)->{data}, 'y', 'the hub whose size was changed delivers';
$_->close for $third, $shop;

# ---- A hub that cannot be created ------------------------------------------

$from = $httpd->log_size;
$httpd->rewrite_conf($changed . <<'CONF');
EventStreamHub huge size=900g
<Location "/huge/events">
    SetHandler eventstream
    EventStreamChannel news
    EventStreamUseHub huge
</Location>
CONF
$httpd->graceful;
like $httpd->error_log($from), qr/ES0004: .* for hub huge/,
    'a hub that is too large for this machine is logged at graceful';
is subscribe($httpd, '/shop/events')->next_event(5)->{event}, 'stream-open',
    'the other hubs serve streams';
# an old child may still accept a request, and does not know the Location
my $huge = wait_for(
    sub {
        my $client = subscribe($httpd, '/huge/events');
        return $client->status == 200 ? $client : undef;
    }, 5, 'a client of the failed hub gets 200');
is $huge->is_ended(5), 1, 'its stream ends at once';
$huge->next_event(0);
ok $huge->retry > 0, 'its stream has a retry';
is publish($httpd, 'news', 'x', path => '/publish')->{status}, 200,
    'publishing into other hubs works';
$httpd->rewrite_conf($changed);
$httpd->graceful;

# ---- Stop and start --------------------------------------------------------

is $httpd->stop, 0, 'httpd stops with exit status 0';
my $log = $httpd->error_log =~ s/^.*ES0004.*\n//gmr;
unlike $log, qr/\[(?:error|crit|alert|emerg)\]|signal|Segm/,
    'the error log has no other error';

# ---- Memory at start ---------------------------------------------------------

# Kilobytes of shared memory that the parent has used.
sub used
{
    my ($conf) = @_;
    my $server = EventStream::Httpd->start(conf => $conf);
    my $status = EventStream::Httpd::slurp('/proc/' . $server->pid . '/status');
    is $server->stop, 0, 'httpd stops with exit status 0';
    return $status =~ /^RssShmem:\s+(\d+) kB/m ? $1 : 'nothing';
}

cmp_ok used("EventStreamHub default size=48m\n"), '<', 48 * 1024,
    'a journal uses no memory before it has events';
cmp_ok used("EventStreamHub default size=48m populate=on\n"), '>=', 48 * 1024,
    'with populate=on it has all of its memory';

# ---- Virtual hosts that share the hub "default" ------------------------------

my $publishing = "<Location /publish>\nSetHandler \"eventstream-publish\"\n"
    . "</Location>\n";

# A virtual host of this name with these lines.
sub host
{
    my ($name, $lines, $port) = @_;
    $port ||= '@PORT@';
    return "<VirtualHost 127.0.0.1:$port>\nServerName $name\n$lines"
        . "</VirtualHost>\n";
}

my $two = host('a.example', $publishing) . host('b.example', $publishing);
my $shared = EventStream::Httpd->start(conf => $two);

# The notice at a start with this configuration.
sub notice
{
    my ($conf) = @_;
    my $start = $shared->log_size;
    $shared->rewrite_conf($conf);
    $shared->graceful;
    return $shared->error_log($start) =~ /:notice\].*(ES0111: .*)/ ? $1 : '';
}

like $shared->error_log, qr/:notice\].*ES0111: 2 hosts .*line \d+; .*line \d+/,
    'two virtual hosts that publish into the same hub are a notice';
like notice($publishing . host('a.example', $publishing)), qr/^ES0111: 2 hosts/,
    'so are the main server and a virtual host';
is notice(host('a.example', $publishing)
    . host('b.example', "EventStreamUseHub default\n$publishing")), '',
    'EventStreamUseHub default in one of them says that it is meant';
is notice("EventStreamUseHub default\n$two"), '',
    'so does EventStreamUseHub default at server level';
is notice("EventStreamHub b size=1m\n" . host('a.example', $publishing)
    . host('b.example', $publishing =~ s/(?=SetH)/EventStreamUseHub b\n/r)), '',
    'a hub of its own is no notice';
is notice(host('a.example', $publishing)
    . host('https://A.example:443', $publishing, '@PORT:other@')), '',
    'one site with two ports is no notice';
is notice(host('a.example', $publishing) . host('b.example',
    "<Location /events>\nSetHandler eventstream\nEventStreamChannel a\n"
    . "</Location>\n")), '', 'a host that only subscribes is no notice';
is notice($publishing . host('a.example', '') . host('b.example', '')), '',
    'one Location of the main server is no notice';
$shared->finish;
done_testing;
