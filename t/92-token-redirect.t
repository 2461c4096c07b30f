#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What a token admits stays the same where httpd serves a request by another one
# of its own (DirectoryIndex): the user whom a token names beside a login is no
# login there either, the sub is the user, and exp and jti count.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Token;

my $long = 30;    # seconds for what takes as long as this machine needs
my $dir = File::Temp->newdir;
chmod 0755, "$dir";
my $secret = 'secret-0123456789abcdef0123456789abcdef';
EventStream::Httpd::spew("$dir/key", "$secret\n");
chmod 0600, "$dir/key";
EventStream::Httpd::spew("$dir/users",
    "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");

my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_core authn_file authz_user dir)],
    files => {map { ($_ => '') } qw(stream mixed login publish)},
    conf => <<"CONF");
<LocationMatch "^/(stream|mixed|login)\\b">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamToken key=file:$dir/key leeway=0
</LocationMatch>
<LocationMatch "^/(publish|closed)\\b">
    SetHandler eventstream-publish
    EventStreamToken key=file:$dir/key leeway=0
</LocationMatch>
<LocationMatch "^/(mixed|publish)\\b">
    AuthType Basic
    AuthName x
    AuthUserFile "$dir/users"
    <RequireAny>
        Require eventstream-token
        Require user ann
    </RequireAny>
</LocationMatch>
<Location "/stream">
    Require eventstream-token
</Location>
<Location "/login">
    Require valid-user
</Location>
<Location "/plain">
    SetHandler eventstream-publish
</Location>
<Directory "\@DOCROOT\@/of-stream">
    DirectoryIndex /stream
</Directory>
<Directory "\@DOCROOT\@/of-mixed">
    DirectoryIndex /mixed
</Directory>
<Directory "\@DOCROOT\@/of-login">
    DirectoryIndex /login
</Directory>
<Directory "\@DOCROOT\@/of-publish">
    DirectoryIndex /publish
</Directory>
CONF

mkdir $httpd->docroot . "/of-$_" for qw(stream mixed login publish);

sub of
{
    my (%claims) = @_;
    return bearer(token($secret, {jti => 'one', sub => 'ann', eventstream =>
        {subscribe => ['a'], publish => ['a'], control => JSON::PP::true},
        %claims}));
}

my $login = 'Authorization: Basic ' . encode_base64('ann:secret', '');

sub post
{
    my ($path, $header, $body) = @_;
    return request($httpd, 'POST', $path, body => $body,
        headers => [$header, 'Content-Type: application/json'])->{status};
}

for my $path ('/publish', '/of-publish/') {
    is post($path, of(), '{"channel":"a","data":"x"}'), 200,
        "$path: the token publishes to its channel";
    is post($path, of(), '{"channel":"b","data":"x"}'), 401,
        "$path: but not as the login of its sub to another";
    is post($path, $login, '{"channel":"b","data":"x"}'), 200,
        "$path: which the login may";
}
my @paths = map { ("/$_", "/of-$_/") } qw(stream mixed login);

sub streams
{
    my ($header, @at) = @_;
    return map { subscribe($httpd, "$_?c=a", headers => [$header]) } @at;
}

# A machine that takes longer than that to open them gets a later exp.
sub until_exp
{
    for my $seconds (3, 10, 30) {
        my @open = streams(of(exp => int(time) + $seconds), @paths);
        return @open if !grep { $_->status != 200 } @open;
    }
    return ();
}

sub ended { return scalar grep { $_->is_ended($long) } @_ }

my @streams = streams(of(), @paths);
is join(' ', map { $_->status } @streams), join(' ', (200) x 6),
    'streams, also as the index of a folder';
request($httpd, 'DELETE', '/plain?jti=one&for=0');
is ended(@streams), 6, 'end when the token is revoked';
is ended(until_exp()), 6, 'and by exp';

@streams = streams(bearer(token($secret, {sub => 'ann', eventstream =>
    {subscribe => ['a']}})), grep { !/mixed/ } @paths);
is join(' ', map { $_->status } @streams), join(' ', (200) x 4),
    'streams of a token without both';
request($httpd, 'DELETE', '/plain?user=ann&for=0');
is ended(@streams), 4, 'end with their user';
done_testing;
