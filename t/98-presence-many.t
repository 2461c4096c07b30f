#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Presence of many names, of names that try to break out of JSON or of the event
# stream, and of more names than there are rows.

use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Encode ();
use JSON::PP ();
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Presence;

binmode $_, ':utf8'
    for map { Test::More->builder->$_ } qw(output failure_output todo_output);

my $ROWS = 60;

my $httpd = EventStream::Httpd->start(
    conf => presence_conf("EventStreamMaxPresence $ROWS\n") . <<'CONF');
<Location "/query">
    SetHandler eventstream
    EventStreamChannel hostile
    # the name as it stands in the URL, decoded
    EventStreamPresence on "name=%{unescape:%{QUERY_STRING}}"
</Location>
CONF

# ---- hostile names -----------------------------------------------------------

my @hostile = (
    '"', '\\', '","clients":99,"x":"', "a\nid: 5\n\ndata: x", "a\r\nb", "\t",
    '<script>alert(1)</script>', '</script>', "\x{2028}", "\x{1f600}", 'ä',
    "\x01\x1f\x7f", ' ', "a ", ' a', '{"a":1}', "null", "0", "%s%n%d",
    "presence-hostile", "\x{feff}bom", "'", '*', '$&', '../..', 'n' x 255,
);
# httpd does not decode a slash.
sub in_query
{
    return EventStream::Client::escape($_[0]) =~ s/%2F/\//gr;
}

my $log = follow($httpd, 'hostile');
my @clients;
for my $name (@hostile) {
    push @clients, subscribe($httpd, '/query?' . in_query($name));
    my $event = $log->skip_to('join', 5);
    my $data = eval { JSON::PP::decode_json($event->{data}) };
    my $shown = substr(JSON::PP->new->allow_nonref->encode($name), 0, 40);
    is_deeply $data, {channel => 'hostile', name => $name, clients => 1},
        "the event has the name $shown";
}
is_deeply who($httpd, 'hostile'), {map { $_ => 1 } @hostile},
    'the list has all of them';
is_deeply who($httpd, 'hostile', 3), {map { $_ => 1 } @hostile},
    'in small pages, too';

# A name is bytes to httpd: what is not UTF-8 is Latin-1.
push @clients, subscribe($httpd, '/query?%e4');
is_there($httpd, 'hostile', {(map { $_ => 1 } @hostile), 'ä' => 2},
    'a name in Latin-1 is the same in UTF-8');

for my $bad ('', 'n' x 256, 'ä' x 128) {
    push @clients, subscribe($httpd, '/query?' . in_query($bad));
    is $clients[-1]->status, 200, length($bad) . ' characters: it is served';
}
is keys %{who($httpd, 'hostile')}, @hostile, 'but not counted';

# Channels that are hostile, too; and those that have no room for the prefix.
for my $channel ('"x"', "\x{1f600}", 'c' x 246) {
    my $follower = follow($httpd, $channel);
    push @clients, visit($httpd, $channel, 'ada');
    my $event = $follower->skip_to('join', 5);
    is_deeply eval { JSON::PP::decode_json($event->{data}) },
        {channel => $channel, name => 'ada', clients => 1},
        'the event has the channel ' . substr $channel, 0, 10;
    is_deeply who($httpd, $channel), {ada => 1}, 'and so has the list';
}
push @clients, visit($httpd, 'c' x 247, 'ada');
is $clients[-1]->status, 200, 'a longer channel is served';
is_deeply who($httpd, 'c' x 247), {}, 'without presence';

# ---- a full table ------------------------------------------------------------

$_->close for @clients;
wait_for(sub { !%{who($httpd, 'hostile')} }, 30, 'all have left');
@clients = map { visit($httpd, 'full', "name-$_") } 1 .. $ROWS + 10;
is scalar(grep { $_->status == 200 } @clients), $ROWS + 10,
    'with more names than rows all clients are served';
my $there = who($httpd, 'full');
cmp_ok keys %$there, '<=', $ROWS, 'names beyond the rows are not counted';
cmp_ok keys %$there, '>=', $ROWS / 2, 'the others are';
wait_for(sub { $httpd->error_log =~ /ES0416: EventStreamMaxPresence is / }, 10,
    'the log tells');
is publish($httpd, 'full', 'x')->{status}, 200, 'publishing goes on';
is scalar(grep { $_->skip_to('message', 5) } @clients), $ROWS + 10,
    'all get what is published';
$_->close for @clients;
wait_for(sub { !%{who($httpd, 'full')} }, 30, 'they leave');
$log = follow($httpd, 'later');
my $late = visit($httpd, 'later', 'late');
is told($log, 5), '+late', 'rows are used again';

# Another size waits for a stop and start.
$httpd->rewrite_conf(presence_conf("EventStreamMaxPresence 100\n"));
$httpd->graceful;
wait_for(sub { $httpd->error_log =~ /ES0030: EventStreamMaxPresence 100/ }, 5,
    'another number waits for a stop and start');
is_there($httpd, 'later', {late => 1}, 'the names stay');

# Without presence in the new configuration those who are there still leave.
$httpd->rewrite_conf(
    presence_conf() =~ s/^.*EventStreamPresence.*$//mr);
$httpd->graceful;
$late->close;
wait_for(sub { !%{who($httpd, 'later')} }, 60,
    'who was counted leaves after presence is off');
is $httpd->faults // '', '', 'the shared memory is right';
done_testing;
