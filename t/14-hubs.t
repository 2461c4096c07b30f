#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Hubs are separate worlds, and their journals outlive each restart but a
# full stop. t/52-migrate.t is about those that change or go.

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

# ---- Separate worlds -------------------------------------------------------

my %client = (
    default => opened($httpd, '/events'),
    shop => opened($httpd, '/shop/events'),
    vhost => opened($vhost, '/events'),
    own => opened($vhost, '/own/events'),
    plain => opened($httpd->port_of('plain'), '/events'),
);

sub heard_by
{
    my ($text) = @_;
    my @heard;
    for my $name (sort keys %client) {
        my $event = $client{$name}->next_event(
            $text eq 'to shop' ? $name =~ /shop|vhost/ ? 5 : 0.1
            : $name =~ /shop|vhost/ ? 0.1 : 5);
        push @heard, $name if $event && $event->{data} eq $text;
    }
    return "@heard";
}

my $answer = publish($httpd, 'news', 'to default');
is $answer->{json}{clients}, 3, 'clients are counted in their hub';
is heard_by('to default'), 'default own plain',
    'all virtual hosts share the default hub unless they say otherwise';
$answer = publish($httpd, 'news', 'to shop', path => '/shop/publish');
is $answer->{json}{clients}, 2, 'and so in another';
is heard_by('to shop'), 'shop vhost', 'a hub of a Location and of a host';
is publish($vhost, 'news', 'to shop')->{json}{clients}, 2,
    'a virtual host publishes into its hub';
is heard_by('to shop'), 'shop vhost', '... where it is heard';

is publish($httpd, 'news', 'to default', id => 'same')->{status}, 200,
    'an id of a publisher';
is heard_by('to default'), 'default own plain', '... is heard in one hub';
is publish($httpd, 'news', 'to shop', id => 'same', path => '/shop/publish')
    ->{status}, 200, '... may be used in another one';
is heard_by('to shop'), 'shop vhost', '... and in the other';

# What one hub has in excess another does not feel: the ring of shop turns.
my $before = opened($httpd, '/events')->last_id;
publish($httpd, 'other', 'x' x 60000, path => '/shop/publish') for 1 .. 40;
is opened($httpd, '/events')->last_id, $before,
    'the position of a hub moves by its own events only';
$_->close for values %client;

# ---- Restarts --------------------------------------------------------------

# In the same segment ids go on rising, and what was published is there.
for my $how (qw(graceful restart graceful)) {
    my $old = opened($httpd, '/events');
    my $id = publish($httpd, 'news', "before $how")->{json}{id};
    is $old->next_event(5)->{data}, "before $how", "an event before $how";
    my @children = $httpd->children;
    $httpd->$how;
    ok $httpd->is_alive, '... which httpd survives';
    my $new = opened($httpd, '/events');
    cmp_ok order($new->last_id), 'ge', order($id),
        '... its position is not before';
    my $after = publish($httpd, 'news', "after $how");
    is $after->{status}, 200, '... publishing works';
    cmp_ok order($after->{json}{id}), 'gt', order($id), '... ids rise';
    is $new->next_event(5)->{data}, "after $how", '... and are heard';
    $_->close for $old, $new;
    ok $httpd->wait_for(
        sub {
            my %now = map { $_ => 1 } $httpd->children;
            return !grep { $now{$_} } @children;
        }, 15), '... the old children go';
}

# The id that a hub gave last is retained, not only later than the clock: a
# publisher's id of before is known.
is publish($httpd, 'news', 'once', id => 'mine')->{status}, 200,
    'an event with an id of its publisher';
my $mine = publish($httpd, 'news', 'once', id => 'mine');
$httpd->graceful;
is_deeply publish($httpd, 'news', 'once', id => 'mine')->{json}{id},
    $mine->{json}{id}, 'is known after a graceful restart'
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
    'a hub whose size was changed keeps it, with a notice';
my $third = wait_for(
    sub {
        my $client = subscribe($httpd, '/third/events');
        return $client->status == 200 ? $client : undef;
    }, 5, 'a hub that is new at a graceful restart');
$third->next_event(5);
is publish($httpd, 'news', 'x', path => '/third/publish')->{json}{clients}, 1,
    'is a world of its own';
is $third->next_event(5)->{data}, 'x', 'that works';
my $shop = opened($httpd, '/shop/events');
publish($httpd, 'news', 'y', path => '/shop/publish');
is $shop->next_event(5)->{data}, 'y', 'the changed one works, too';
$_->close for $third, $shop;

# ---- A hub that cannot be made ---------------------------------------------

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
    'a hub that is too large for this machine is told at graceful';
is subscribe($httpd, '/shop/events')->next_event(5)->{event}, 'stream-open',
    'the others go on';
# a child of before may still accept one, and does not know the place
my $huge = wait_for(
    sub {
        my $client = subscribe($httpd, '/huge/events');
        return $client->status == 200 ? $client : undef;
    }, 5, 'its clients are not refused for good');
is $huge->is_ended(5), 1, 'but asked to come back';
$huge->next_event(0);
ok $huge->retry > 0, 'later';
is publish($httpd, 'news', 'x', path => '/publish')->{status}, 200,
    'and publishing works';
$httpd->rewrite_conf($changed);
$httpd->graceful;

# ---- Stop and start --------------------------------------------------------

is $httpd->stop, 0, 'httpd stops';
my $log = $httpd->error_log =~ s/^.*ES0004.*\n//gmr;
unlike $log, qr/\[(?:error|crit|alert|emerg)\]|signal|Segm/,
    'no error in the log';

done_testing;
