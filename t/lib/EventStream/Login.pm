# SPDX-License-Identifier: Apache-2.0
package EventStream::Login;

=head1 NAME

EventStream::Login - the samples in conf/logins/, and what each of them does

=head1 SYNOPSIS

    use EventStream::Login;    # exports all functions below

    my $conf = login_sample('basic.conf',
        '/etc/apache2/events.users' => '@ROOT@/users')
        . login_sample('channels.conf');
    my $httpd = EventStream::Httpd->start(
        modules => [login_modules('auth_basic', 'authn_file')],
        conf => $conf . login_log());
    try_channels($httpd, 'basic', headers => sub { basic($_[0], 'secret') });

=head1 FUNCTIONS

=over

=item login_sample($name, %replace)

The text of a file in conf/logins/, with these texts replaced: ports and paths.
Each of them has to be in the file.

=item login_modules(@names)

These modules, and those of rules about users.

=item login_log, logged($httpd, $from)

A log of its own, and its lines from this one on: "USER STATUS METHOD PATH",
and " detached" where the client holds no worker.

=item login_users(@names)

A file of passwords, as htpasswd -B makes it. The password of all is "secret".

=item login_digests(@names)

The same, as htdigest makes it for the realm "events".

=item basic($user, $password)

The header of a Basic login.

=item try_channels($where, $name, %how)

What channels.conf says of the users ann and bob, who are logged in, of who is
not, and of the user app. How:

    headers => sub { my ($user, $method, $path) = @_; ... }    the headers of a
               request that make it the user's
    open => sub { my ($user, $path) = @_; ... }    instead: a client
    post => sub { my ($user, $channel, $text) = @_; ... }    and an answer
    nobody => 401           the status of who is not logged in

=item curl_stream(@arguments)

The stream that curl gets with these arguments, of which one is the URL. It has
no head.

=item opens($client, $name)

The client's stream opens. Returns the client.

=item refused_as_event($where, $path, @headers)

The condition of the stream-error that an EventSource with these headers gets,
where EventStreamErrorForm says so; 'status 401' and the like if it is none.

=item next_text($client)

The data of its next event, keep-alive is skipped; 'nothing' if none comes.

=back

=cut

use strict;
use warnings;

use Digest::MD5 ();
use Exporter 'import';
use MIME::Base64 ();
use Test::More ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Source;

our @EXPORT = qw(basic curl_stream logged login_digests login_log login_modules
    login_sample login_users next_text opens refused_as_event try_channels);

sub login_sample
{
    my ($name, %replace) = @_;
    my $text = text_of("conf/logins/$name") or die "no sample $name\n";
    for my $from (sort { length $b <=> length $a } keys %replace) {
        $text =~ s/\Q$from\E/$replace{$from}/g or die "$name has no $from\n";
    }
    utf8::encode($text);
    return $text;
}

sub login_modules { return (@_, qw(authz_user)) }

my $secret = '$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a';

sub login_users { return join '', map { "$_:$secret\n" } @_ }

sub login_digests
{
    return join '', map {
        "$_:events:" . Digest::MD5::md5_hex("$_:events:secret") . "\n"
    } @_;
}

sub login_log
{
    return <<'CONF';
LogFormat "%u %>s %m %U %{es-detached}n" login
CustomLog "@ROOT@/logs/login_log" login
CONF
}

sub logged
{
    my ($httpd, $from) = @_;
    my @lines = split /\n/,
        EventStream::Httpd::slurp($httpd->root . '/logs/login_log');
    splice @lines, 0, $from || 0;
    return map { s/ -$//r =~ s/ 1$/ detached/r } @lines;
}

sub basic
{
    my ($user, $password) = @_;
    return 'Authorization: Basic '
        . MIME::Base64::encode_base64("$user:$password", '');
}

sub curl_stream
{
    my (@arguments) = @_;
    my $pid = open my $out, '-|', 'curl', '-s', '-k', '-N', @arguments
        or die "curl: $!";
    binmode $out;
    return EventStream::Client->new(socket => $out, framing => 'plain',
        pid => $pid, status => 200);
}

sub opens
{
    my ($client, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $event = $client->next_event(10);
    Test::More::is($event && $event->{event}, 'stream-open', $name);
    return $client;
}

sub next_text
{
    my ($client) = @_;
    my $event;
    do { $event = $client->next_event(10) }
        while $event && $event->{event} eq 'keep-alive';
    return $event ? $event->{data} : 'nothing';
}

sub refused_as_event
{
    my ($where, $path, @headers) = @_;
    my $client = subscribe($where, $path, timeout => 30,
        headers => ['Accept: text/event-stream', @headers]);
    my $event = $client->status == 200 ? $client->next_event(10) : undef;
    return 'status ' . $client->status if !$event;
    return $event->{event} if $event->{event} ne 'stream-error';
    return $event->{data} =~ /"condition":"([^"]+)"/ ? $1 : $event->{data};
}

sub headers_of
{
    my ($how, $user, $method, $path) = @_;
    return $user eq '' ? [] : [$how->{headers}->($user, $method, $path)];
}

sub open_client
{
    my ($where, $how, $user, $path) = @_;
    return $how->{open}->($user, $path) if $how->{open};
    return subscribe($where, $path,
        headers => headers_of($how, $user, 'GET', $path));
}

sub post_event
{
    my ($where, $how, $user, $channel, $text) = @_;
    return $how->{post}->($user, $channel, $text) if $how->{post};
    return publish($where, undef, $text, path => '/publish', json => 1,
        headers => headers_of($how, $user, 'POST', '/publish'))
        if !defined $channel;
    return publish($where, $channel, $text, text => 1,
        headers => headers_of($how, $user, 'POST', '/publish'));
}

# [user, '' for nobody; path; status]
sub refusals
{
    my ($nobody) = @_;
    return (['', '/events', $nobody], ['', '/events/room-1', $nobody],
        ['ann', '/events/user-bob', 403], ['ann', '/events/other', 403],
        ['bob', '/events/user-ann', 403]);
}

sub try_publishing
{
    my ($where, $name, $how, $ann, $bob) = @_;
    my $post = sub { post_event($where, $how, @_)->{status} };
    Test::More::is($post->('app', 'user-bob', 'to bob'), 200,
        "$name: the application publishes to a user");
    Test::More::is($post->('ann', 'user-ann', 'to ann'), 200,
        "$name: a user publishes to her own channel");
    Test::More::is($post->('ann', 'user-bob', 'x'), 403,
        "$name: not to that of another user");
    Test::More::is($post->('ann', 'news', 'x'), 403,
        "$name: nor to one that only the application has");
    Test::More::is($post->('', 'user-ann', 'x'), $how->{nobody},
        "$name: who is not logged in does not publish");
    Test::More::is($post->('app', 'news', 'to all'), 200,
        "$name: the application publishes to all");
    Test::More::is_deeply([map { next_text($ann) } 1, 2], ['to ann', 'to all'],
        "$name: ann hears what is hers");
    Test::More::is_deeply([map { next_text($bob) } 1, 2], ['to bob', 'to all'],
        "$name: and bob what is his");
    return;
}

sub try_channels
{
    my ($where, $name, %how) = @_;
    $how{nobody} //= 401;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($ann, $bob) = map {
        opens(open_client($where, \%how, $_, '/events'), "$name: $_ listens")
    } qw(ann bob);
    my $room = opens(open_client($where, \%how, 'ann', '/events/room-1'),
        "$name: ann listens to a room");
    for my $case (refusals($how{nobody})) {
        my ($user, $path, $status) = @$case;
        Test::More::is(open_client($where, \%how, $user, $path)->status,
            $status, "$name: " . ($user || 'nobody') . " and $path: $status");
    }
    try_publishing($where, $name, \%how, $ann, $bob);
    Test::More::is(post_event($where, \%how, 'bob', 'room-1', 'in the room')
        ->{status}, 200, "$name: bob publishes to the room");
    Test::More::is(next_text($room), 'in the room', "$name: ann hears it");
    $_->close for $ann, $bob, $room;
    return;
}

1;
