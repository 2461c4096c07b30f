#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamPresence: join and leave events, who is in a channel, and who may
# know.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use JSON::PP ();
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Presence;

my $httpd = EventStream::Httpd->start(conf => presence_conf(<<'CONF'));
EventStreamHub other
<Location "/both">
    SetHandler eventstream
    EventStreamChannel a b presence-a
    EventStreamPresence on name=%{req:X-User}
</Location>
<Location "/both/off">
    EventStreamPresence off
</Location>
<Location "/user">
    SetHandler eventstream
    EventStreamChannel a
    EventStreamPresence on
</Location>
<Location "/other">
    SetHandler eventstream
    EventStreamChannel a
    EventStreamUseHub other
    EventStreamPresence on name=%{req:X-User}
</Location>
<Location "/publish/confined">
    EventStreamAllowChannel "room-*"
</Location>
<Location "/publish/closed">
    EventStreamPublishFrom none
</Location>
CONF

sub json_of
{
    return eval { JSON::PP::decode_json($_[0]) };
}

my $log = follow($httpd, 'a');
is_deeply who($httpd, 'a'), {}, 'at first nobody is there';

# ---- come and go -------------------------------------------------------------

my $ada = visit($httpd, 'a', 'ada');
my $event = $log->skip_to('join', 5);
is $event->{data}, '{"channel":"a","name":"ada","clients":1}',
    'a name that comes is a join';
like $event->{id}, qr/^presence-[0-9a-f]{16}-\d+$/, 'with an id of its own';
is_deeply who($httpd, 'a'), {ada => 1}, 'it is in the list';
my @ada = map { visit($httpd, 'a', 'ada') } 1 .. 3;
my $bob = visit($httpd, 'a', 'bob');
is told($log, 5), '+bob', 'further clients of a name are no join';
is_there($httpd, 'a', {ada => 4, bob => 1}, 'but they are counted');
is_deeply who($httpd, 'b'), {}, 'in no other channel';

$_->close for @ada;
wait_for(sub { who($httpd, 'a')->{ada} == 1 }, 5,
    'a client that goes is counted no more');
my $began = time;
$bob->close;
wait_for(sub { who($httpd, 'a')->{bob} == 0 }, 5,
    'a name stays in the list without clients');
is told($log, 20), '-bob', 'after its time it leaves';
cmp_ok time - $began, '>=', 3, 'not before the time of a reconnect';
is_deeply who($httpd, 'a'), {ada => 1}, 'and is in the list no more';

# ---- reconnects --------------------------------------------------------------

for my $round (1 .. 3) {
    $ada->close;
    sleep 1;
    $ada = visit($httpd, 'a', 'ada');
}
my $cyd = visit($httpd, 'a', 'cyd');
is told($log, 5), '+cyd', 'who reconnects in time has not left, nor joined';
sleep 5;
is told($log, 1), '', 'nor later';

# ---- several channels, and those of the events -------------------------------

my $dan = subscribe($httpd, '/both', headers => ['X-User: dan']);
is told($dan, 5), '+dan', 'who follows the events gets its own join';
is told($log, 5), '+dan', 'others do, too';
is_there($httpd, 'a', {ada => 1, cyd => 1, dan => 1}, 'a client is in');
is_there($httpd, 'b', {dan => 1}, 'each of its channels');
is_deeply who($httpd, 'presence-a'), {}, 'but not in those of the events';
my $off = subscribe($httpd, '/both/off', headers => ['X-User: off']);
my $nobody = visit($httpd, 'a', undef);
my $user = subscribe($httpd, '/user');
$nobody->skip_to('stream-open', 5);
is_deeply [sort keys %{who($httpd, 'a')}], [qw(ada cyd dan)],
    'off, without a name, and without a user nobody is counted';
my $head = request($httpd, 'HEAD', '/events/a', headers => ['X-User: head']);
is $head->{status}, 200, 'HEAD is answered';
ok !exists who($httpd, 'a')->{head}, 'and counts nobody';

my $other = subscribe($httpd, '/other', headers => ['X-User: eve']);
$other->skip_to('stream-open', 5);
ok !exists who($httpd, 'a')->{eve}, 'a channel of another hub is another one';

# ---- the list ----------------------------------------------------------------

my $answer = get($httpd, '/publish?who=a');
my $list = json_of($answer->{body});
is $list->{channel}, 'a', 'the list names its channel';
like $answer->{headers}{'content-type'}, qr{^application/json}, 'it is JSON';
my $again = follow($httpd, 'a', headers => ["Last-Event-ID: $list->{id}"]);
is $again->next_event(5)->{event}, 'stream-open', 'its id is one to resume by';
my $fay = visit($httpd, 'a', 'fay');
is told($again, 5), '+fay', 'what comes after the list is told';

is json_of(get($httpd, '/publish?who=a&limit=1')->{body})->{names}[1], undef,
    'limit= limits a page';
is_deeply [sort keys %{who($httpd, 'a', 1)}], [qw(ada cyd dan fay)],
    'the pages have all names';
is scalar @{json_of(get($httpd, '/publish?who=a&limit=0')->{body})->{names}},
    0, 'limit=0 has none';
is get($httpd, "/publish?who=a&$_")->{status}, 400, "$_ is refused"
    for 'limit=-1', 'limit=1001', 'limit=x', 'after=-1';
is get($httpd, '/publish?who=')->{status}, 400, 'an empty name is refused';
is get($httpd, '/publish?who=%00')->{status}, 400, 'so is a bad one';
is scalar @{json_of(
    get($httpd, '/publish?who=a&after=2147483647')->{body})->{names}}, 0,
    'an after= beyond the end has none';
my $only_head = request($httpd, 'HEAD', '/publish?who=a');
is_deeply [@{$only_head}{qw(status body)}], [200, ''], 'HEAD has no body';

# ---- who may know ------------------------------------------------------------

is get($httpd, '/publish?who=a', 'X-Forwarded-For: 192.0.2.1')->{status}, 403,
    'who may not publish gets no list';
is get($httpd, '/publish/closed?who=a')->{status}, 403,
    'a closed Location has none';
is get($httpd, '/publish/confined?who=a')->{status}, 403,
    'nor a confined one of another channel';
is get($httpd, '/publish/confined?who=room-1')->{status}, 200,
    'but of its own';

# ---- the directives ----------------------------------------------------------

for my $bad (
    ['EventStreamPresence maybe', qr/takes on or off/],
    ['EventStreamPresence on nam=x', qr/only name= and an expression/],
    ['EventStreamPresence on name=', qr/only name= and an expression/],
    ['EventStreamPresence off name=x', qr/only name= and an expression/],
    ['EventStreamPresence on name=%{nosuch:x}', qr/name=: /],
    ['EventStreamMaxPresence 0', qr/between 1 and 262144/],
    ['EventStreamMaxPresence many', qr/whole number/],
) {
    my ($line, $why) = @$bad;
    my ($ok, $output) = EventStream::Httpd->config_test("$line\n");
    ok !$ok, "$line is refused";
    like $output, $why, 'with the reason';
}
my ($ok, $output) = EventStream::Httpd->config_test(
    "<Location />\nEventStreamMaxPresence 5\n</Location>\n");
ok !$ok, 'EventStreamMaxPresence is of the whole server';

# ---- resuming ----------------------------------------------------------------

my $last = $again->last_id;
$fay->close;
is told($log, 5), '+fay', 'the first follower has the join, too';
is told($log, 20), '-fay', 'and then the leave';
my $resumed = follow($httpd, 'a', headers => ["Last-Event-ID: $last"]);
is told($resumed, 5), '-fay', 'who resumes after the join gets the leave';

is $httpd->faults // '', '', 'the shared memory is right';
ok !grep({ /ES04(16|17|18)|\[crit|Segmentation/ } split /\n/,
    $httpd->error_log), 'the error log has no complaint';
done_testing;
